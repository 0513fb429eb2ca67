"""Which mounts do not tell of changes: events on them never come, or only for this machine's own writes."""

import re

#: File systems whose files others change: over a network, from the host of a virtual machine, through a program.
_SILENT = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "drvfs", "fakeowner", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "ocfs2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"}
)


def silent_type(mountinfo: str, path: str) -> str | None:
    """The type of the file system that holds the absolute `path` if its events cannot be relied on.

    `mountinfo` is the text of `/proc/self/mountinfo`; of several mounts at one place the last one counts.
    """
    best, found = -1, ""
    for line in mountinfo.splitlines():
        fields, _, rest = line.partition(" - ")
        place = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), fields.split()[4])
        holds = place in ("/", path) or path.startswith(f"{place}/")
        if holds and len(place) >= best:
            best, found = len(place), rest.split()[0]
    is_program = found == "fuse" or (found.startswith("fuse.") and found != "fuse.fuse-overlayfs")
    return found if found in _SILENT or is_program else None
