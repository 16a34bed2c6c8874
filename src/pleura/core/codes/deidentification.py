"""De-identification and its audit."""

from collections.abc import Mapping

from pleura.core.codes.code import Code, ok, refusal, review

_BLANK_IT = "Look at the pixels, then overwrite the text with --blank X0,Y0,X1,Y1."
_EXPORT_AGAIN = "Export the file again."
_READ_IT = "It stays out; share it only where somebody has read all of it."
_STAYS_OUT = "It stays out."

REFUSALS: Mapping[str, Code] = {
    "PARSE-FAILED": refusal(
        "the file has a DICOM header but cannot be parsed ({reason})", _EXPORT_AGAIN
    ),
    "DEIDENTIFY-FAILED": refusal("the file could not be processed ({reason})", _EXPORT_AGAIN),
    "READ-FAILED": refusal(
        "the file cannot be read ({reason})",
        "Check its permissions and the disk, and rerun the command.",
    ),
    "WRITE-FAILED": refusal(
        "the output file cannot be written ({reason})", "Check the disk, and rerun the command."
    ),
    "FILE-TRUNCATED": refusal("the file is truncated: {detail}", _EXPORT_AGAIN),
    "PIXELS-MISSING": refusal(
        "the file is truncated: it declares an image but has no pixel data", _EXPORT_AGAIN
    ),
    "IMAGE-SIZE": refusal("Rows, Columns or BitsAllocated is not a number", _EXPORT_AGAIN),
    "PIXEL-SIZE": refusal(
        "the pixel data does not have the size that the header declares: {detail}", _EXPORT_AGAIN
    ),
    "UNDECODABLE": refusal(
        "the pixel data cannot be decoded ({reason})", "Export the file uncompressed."
    ),
    "UNKNOWN-SYNTAX": refusal("its TransferSyntaxUID is not one of the Standard", _EXPORT_AGAIN),
    "NO-CLASS": refusal("SOPClassUID is missing", _EXPORT_AGAIN),
    "UNWRITABLE": refusal("the file cannot be written again as DICOM ({reason})", _EXPORT_AGAIN),
    "BLANK-OUTSIDE": refusal(
        "a --blank rectangle lies outside the image", "Check its coordinates."
    ),
    "NOT-CLEAN": refusal("not published: the audit found {codes}", "See the table of findings."),
    "DOCUMENT": refusal("encapsulated documents can contain any text", _READ_IT),
    "DOSE-REPORT": refusal("dose reports identify devices, staff and times", _READ_IT),
    "RAW-DATA": refusal("raw data are vendor-specific and cannot be checked", _STAYS_OUT),
    "VOICE": refusal("voice recordings identify the patient", _STAYS_OUT),
    "BURNED-IN": refusal("the image declares burned-in text (BurnedInAnnotation YES)", _BLANK_IT),
    "SECONDARY-CAPTURE": refusal("secondary captures may contain burned-in text", _BLANK_IT),
    "SCREEN-SAVE": refusal("screen saves may contain burned-in text", _BLANK_IT),
    "DOSE-SCREEN": refusal("images of dose reports contain burned-in text", _BLANK_IT),
    "NO-APEX": refusal(
        "no lung apex found, so the slices cannot be cropped above it",
        "Leave out --crop-above-apex.",
    ),
}
"""Why `deidentify` refuses a file."""

AUDIT_OF_FILES: Mapping[str, Code] = {
    "NAME-LEFT": refusal("a person's name from the source remains"),
    "ID-LEFT": refusal("an id, number or address from the source remains"),
    "BIRTH-LEFT": refusal("the birth date remains"),
    "DATE-LEFT": refusal("a date or time from the source remains"),
    "PLACE-LEFT": refusal("the institution remains"),
    "DEVICE-LEFT": refusal("a device name or serial number remains"),
    "UID-LEFT": refusal("a UID from the source remains"),
    "VALUE-LEFT": refusal("an identifying attribute still has the value of the source"),
    "AGE-OVER-89": refusal("an age over 89 is not aggregated"),
    "PRIVATE-LEFT": refusal(
        "private attributes remain, and the option that allows them is not declared"
    ),
    "FORBIDDEN-LEFT": refusal(
        "an attribute remains that every option removes (original attributes, signatures, icons, "
        "staff)"
    ),
    "GROUP-LENGTH-LEFT": refusal("a group length remains"),
    "CURVE-LEFT": refusal("a curve remains"),
    "OVERLAY-LEFT": refusal("an overlay remains, and Clean Graphics is not declared"),
    "UNKNOWN-LEFT": refusal("an attribute remains that the Standard does not define"),
    "META-LEFT": refusal(
        "the file meta group names an application or contains private information"
    ),
    "META-DISAGREES": refusal(
        "the file meta group and the data set name different instances or classes"
    ),
    "UNSAFE-OBJECT": refusal("objects of this class can show a patient and cannot be searched"),
    "NOT-DECLARED": refusal("the file does not declare how it was de-identified"),
    "DATES-MISDECLARED": refusal(
        "LongitudinalTemporalInformationModified contradicts the declared options"
    ),
    "DATES-UNEVEN": refusal("dates within one file moved by different numbers of days"),
    "DATES-NOT-SHIFTED": refusal("dates are declared as shifted but did not move"),
    "PREAMBLE-LEFT": refusal("the preamble is not blank"),
    "TRAILING-BYTES": refusal("trailing bytes after the data set"),
    "NOT-PARSABLE": refusal("the file cannot be parsed completely"),
    "VALUE-LOST": refusal("a technical value or standard code is missing"),
    "VALUE-CHANGED": refusal("a technical value or standard code changed"),
    "TYPE-LOST": refusal("an attribute of Type 1 or 2 is missing"),
    "TYPE-EMPTY": refusal("an attribute of Type 1 is empty"),
    "PIXELS-LOST": refusal(
        "an image has no pixel data, because it was lost or its source was truncated"
    ),
    "PIXELS-SIZE": refusal("the pixel data does not have the size of the image"),
    "PIXELS-CHANGED": refusal(
        "the pixel data differs from the source, and blanking is not declared"
    ),
    "REPORT-RULE": refusal("one of the four rules of profile report is not kept"),
    "REPORT-KEEPS": ok(
        "profile report leaves identifiers of the source: this data is not anonymous"
    ),
}
"""What the audit finds in one file."""

AUDIT_BETWEEN_FILES: Mapping[str, Code] = {
    "INPUT-UNREAD": refusal(
        "files or folders of the input cannot be read, so nothing was compared with them"
    ),
    "OUTPUT-UNREAD": refusal(
        "files or folders of the output cannot be read, so they were not searched"
    ),
    "NO-SOURCE": refusal(
        "no file of the input is the source of this one, so nothing can be proved about it"
    ),
    "PATH-LEFT": refusal("the name of a file or folder contains an identifier of the source"),
    "TEXT-LEFT": refusal("a file that is not DICOM contains an identifier or UID of the source"),
    "KEY-LEFT": refusal("the key is inside the output"),
    "UID-INCONSISTENT": refusal("one UID of the source became two, or two became one"),
    "REFERENCE-BROKEN": refusal(
        "a reference to a file of the input points nowhere, or to another file"
    ),
    "REFERENCE-LOST": refusal("a reference to a published file is missing"),
    "PATIENTS-MERGED": refusal("two patients of the input share one id"),
    "PATIENT-SPLIT": refusal("one patient of the input has two ids"),
    "SHIFT-VARIES": refusal("dates of one patient moved by different numbers of days"),
}
"""What the audit finds between files."""

PEOPLE: Mapping[str, Code] = {
    "PLACEHOLDER-IDENTITY": review(
        "{studies} studies name no patient (PatientID and PatientName are empty or placeholders)",
        "Each became a case of its own; if some are one patient, give them a PatientID first.",
    ),
    "SHARED-FOLDER": review(
        "{folder}: several patients share this folder, so it names none of them; they are {cases}"
    ),
}
"""How patients were distinguished."""

DEIDENTIFICATION: Mapping[str, Code] = {
    **REFUSALS,
    **AUDIT_OF_FILES,
    **AUDIT_BETWEEN_FILES,
    **PEOPLE,
}
