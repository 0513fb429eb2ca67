"""Which mounts are polled: literal lines of `/proc/self/mountinfo`."""

import pytest

from relspec.core.mounts import silent_type

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:26 / /mnt/c rw,noatime - 9p drvfs rw
31 22 0:27 / /mnt/with\\040space rw - nfs4 server:/x rw
32 22 0:28 / /home rw shared:2 master:1 - fuse.sshfs me@there: rw
33 22 0:29 / /local rw - fuse.fuse-overlayfs overlay rw
34 30 254:0 / /mnt/c/wsl rw - ext4 /dev/sdb rw
35 22 0:30 / /covered rw - nfs server:/y rw
36 35 254:1 / /covered rw - ext4 /dev/sdc rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/project", None),
        ("/mnt/c", "9p"),
        ("/mnt/c/project", "9p"),
        ("/mnt/cd/project", None),
        ("/mnt/with space/project", "nfs4"),
        ("/home/me/project", "fuse.sshfs"),
        ("/local/project", None),
        ("/mnt/c/wsl/project", None),
        ("/covered/project", None),
    ],
)
def test_the_mount_that_holds_a_path_decides(path: str, kind: str | None) -> None:
    assert silent_type(MOUNTS, path) == kind
