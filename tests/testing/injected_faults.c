/* Makes the n-th call of one kind, on paths below a folder, fail once with a chosen error.
 *
 * Error 0 ends the process with SIGKILL before the call instead. A mapped file does not fail: it
 * is cut to half of its length behind the mapping, as a file that shrinks while it is read.
 *
 * Loaded with LD_PRELOAD; `injected_faults.py` compiles it and arms it through ctypes. Calls are
 * counted from `arm` on, also when none is to fail. A process that begins with
 * FAULTS_WORKERS="FOLDER|MARK|CALL|NUMBER|ERROR" (a worker) is armed at once; the first of them
 * that gets there makes the file MARK, and no other fails.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN, READ, WRITE, FSYNC, RENAME, MKDIR, UNLINK, LIST, MAP, CALLS };

static char below[PATH_MAX], mark[PATH_MAX];
static size_t below_length;
static int armed_call = -1, armed_error, fired;
static long armed_number, counts[CALLS];

void faults_arm(const char *folder, int call, long number, int error) {
    snprintf(below, sizeof below, "%s", folder);
    below_length = strlen(below);
    memset(counts, 0, sizeof counts);
    fired = 0;
    armed_number = number;
    armed_error = error;
    armed_call = call;
}

void faults_disarm(void) { below_length = 0; }
long faults_count(int call) { return counts[call]; }
int faults_fired(void) { return fired; }

__attribute__((constructor)) static void arm_worker(void) {
    const char *given = getenv("FAULTS_WORKERS");
    char folder[PATH_MAX];
    int call, error;
    long number;
    if (!given) return;
    if (sscanf(given, "%4095[^|]|%4095[^|]|%d|%ld|%d", folder, mark, &call, &number, &error) != 5)
        abort();
    faults_arm(folder, call, number, error);
}

static int first(void) {
    if (!mark[0]) return 1;
    long made = syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (made >= 0) syscall(SYS_close, made);
    return made >= 0;
}

static int fails(int call) {
    long number = __sync_add_and_fetch(&counts[call], 1);
    if (call != armed_call || number != armed_number || !first()) return 0;
    fired = 1;
    if (!armed_error && call != MAP) kill(getpid(), SIGKILL);
    errno = armed_error;
    return 1;
}

static int inside(const char *path) {
    return below_length && path && strncmp(path, below, below_length) == 0;
}

static int inside_handle(int handle) {
    char link[64], path[PATH_MAX];
    if (!below_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return inside(path);
}

static int inside_at(int folder, const char *path) {
    if (!below_length || !path) return 0;
    return path[0] == '/' ? inside(path) : folder != AT_FDCWD && inside_handle(folder);
}

#define REAL(result, name, ...)                                                                    \
    static result (*real)(__VA_ARGS__);                                                            \
    if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name);

#define OPENS(function)                                                                            \
    int function(const char *path, int flags, ...) {                                               \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;                  \
        va_end(list);                                                                              \
        REAL(int, #function, const char *, int, ...)                                               \
        if (inside(path) && fails(OPEN)) return -1;                                                \
        return real(path, flags, mode);                                                            \
    }

#define OPENS_AT(function)                                                                         \
    int function(int folder, const char *path, int flags, ...) {                                   \
        va_list list;                                                                              \
        va_start(list, flags);                                                                     \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;                  \
        va_end(list);                                                                              \
        REAL(int, #function, int, const char *, int, ...)                                          \
        if (inside_at(folder, path) && fails(OPEN)) return -1;                                     \
        return real(folder, path, flags, mode);                                                    \
    }

static void cut(int handle) {
    char link[64];
    struct stat about;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    long writable = syscall(SYS_openat, AT_FDCWD, link, O_WRONLY, 0);
    if (writable < 0) return;
    if (fstat((int)writable, &about) == 0 && ftruncate((int)writable, about.st_size / 2) != 0)
        abort();
    syscall(SYS_close, writable);
}

#define MAPS(function, offset_type)                                                                \
    void *function(void *at, size_t size, int use, int flags, int handle, offset_type offset) {    \
        REAL(void *, #function, void *, size_t, int, int, int, offset_type)                        \
        void *mapped = real(at, size, use, flags, handle, offset);                                 \
        if (handle >= 0 && inside_handle(handle) && fails(MAP)) cut(handle);                       \
        return mapped;                                                                             \
    }

MAPS(mmap, off_t)
MAPS(mmap64, off64_t)
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t read(int handle, void *buffer, size_t size) {
    REAL(ssize_t, "read", int, void *, size_t)
    if (inside_handle(handle) && fails(READ)) return -1;
    return real(handle, buffer, size);
}

ssize_t pread64(int handle, void *buffer, size_t size, off64_t offset) {
    REAL(ssize_t, "pread64", int, void *, size_t, off64_t)
    if (inside_handle(handle) && fails(READ)) return -1;
    return real(handle, buffer, size, offset);
}

ssize_t write(int handle, const void *buffer, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t)
    if (inside_handle(handle) && fails(WRITE)) return -1;
    return real(handle, buffer, size);
}

int fsync(int handle) {
    REAL(int, "fsync", int)
    if (inside_handle(handle) && fails(FSYNC)) return -1;
    return real(handle);
}

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *)
    if (inside(to) && fails(RENAME)) return -1;
    return real(from, to);
}

int renameat(int folder, const char *from, int other, const char *to) {
    REAL(int, "renameat", int, const char *, int, const char *)
    if (inside_at(other, to) && fails(RENAME)) return -1;
    return real(folder, from, other, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t)
    if (inside(path) && fails(MKDIR)) return -1;
    return real(path, mode);
}

int unlink(const char *path) {
    REAL(int, "unlink", const char *)
    if (inside(path) && fails(UNLINK)) return -1;
    return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int)
    if (inside_at(folder, path) && fails(UNLINK)) return -1;
    return real(folder, path, flags);
}

DIR *opendir(const char *path) {
    REAL(DIR *, "opendir", const char *)
    if (inside(path) && fails(LIST)) return NULL;
    return real(path);
}
