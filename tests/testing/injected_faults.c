/* Makes the n-th call of one kind, on paths below a folder, fail once with a chosen error.
 *
 * Error 0 ends the process with SIGKILL before the call instead.
 *
 * Loaded with LD_PRELOAD; `injected_faults.py` compiles it and arms it through ctypes. Calls are
 * counted from `arm` on, also when none is to fail.
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
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN, READ, WRITE, FSYNC, RENAME, MKDIR, UNLINK, LIST, CALLS };

static char below[PATH_MAX];
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

static int fails(int call) {
    long number = __sync_add_and_fetch(&counts[call], 1);
    if (call != armed_call || number != armed_number) return 0;
    fired = 1;
    if (!armed_error) kill(getpid(), SIGKILL);
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
