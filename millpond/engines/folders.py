"""Folders and files of the engines, and the unprivileged user they run as when the supervisor is root.

PostgreSQL refuses to run as root. Files that root writes lie in folders that only root may change, so that the
unprivileged user cannot plant a link where root will write.
"""

import logging
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypedDict

log = logging.getLogger(__name__)

ENGINE_USERS: Final = "millpond", "postgres", "nobody"  # the first that exists
PRIVATE_FILE_MODE: Final = 0o600

# The engines inherit nothing of our environment: it holds secrets, and PG… variables would change what they do.
ENGINE_ENVIRONMENT: Final = {"LC_ALL": "C", "PATH": os.defpath}


class Switch(TypedDict):
    """Arguments of subprocess.Popen."""

    user: int | None
    group: int | None
    extra_groups: list[str | int] | None


@dataclass(frozen=True)
class EngineUser:
    """Who runs the engines; `drops_root` says that it is not ourselves."""

    uid: int
    gid: int
    drops_root: bool

    @property
    def switch(self) -> Switch:
        """What makes subprocess change to this user; nothing where we are it."""
        if self.drops_root:
            return {"user": self.uid, "group": self.gid, "extra_groups": []}
        return {"user": None, "group": None, "extra_groups": None}

    @classmethod
    def current(cls, data: Path) -> "EngineUser":
        """Ourselves, or for root the owner of the `data` folder there is, else the first of ENGINE_USERS.

        Raises LookupError when none of them exists.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), drops_root=False)
        if data.is_dir() and (owner := data.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid, drops_root=True)
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in ENGINE_USERS:
            if name in known:
                return cls(known[name].pw_uid, known[name].pw_gid, drops_root=True)
        raise LookupError(f"root cannot run PostgreSQL, and none of these users exists: {', '.join(ENGINE_USERS)}")

    def may_pass(self, folder: Path) -> bool:
        """Whether this user may traverse `folder`, judged by its mode."""
        seen = folder.stat()
        if seen.st_uid == self.uid:
            return bool(seen.st_mode & stat.S_IXUSR)
        return bool(seen.st_mode & (stat.S_IXGRP if seen.st_gid == self.gid else stat.S_IXOTH))


def make_passable(target: Path, user: EngineUser) -> None:
    """Let `user` traverse (not read) every folder above `target`, changing only those that would stop it."""
    if not user.drops_root:
        return
    for folder in reversed(target.parents):
        if not user.may_pass(folder):
            log.warning("%s: o+x added, so that the engines can reach %s", folder, target)
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)


def make_shared_folder(folder: Path) -> None:
    """Create `folder` for the supervisor's files; when root, passable for the engines below it."""
    folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)


def make_own_folder(folder: Path, user: EngineUser) -> Path:
    """Create `folder`, readable by `user` alone, if it does not exist yet."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        os.chown(folder, user.uid, user.gid, follow_symlinks=False)
    return folder


def write_private(path: Path, text: str, user: EngineUser | None = None) -> None:
    """Replace `path` by `text` in one step, readable by its owner alone: `user`, or ourselves."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
            os.fchmod(handle, PRIVATE_FILE_MODE)
            if user is not None:
                os.fchown(handle, user.uid, user.gid)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def installed(package: str) -> Path:
    """The folder of an installed package, found without importing it. Raises LookupError."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"the package {package} is not installed")
    return Path(spec.submodule_search_locations[0]).resolve()


def make_readable(package: Path, user: EngineUser) -> None:
    """Let `user` run what is in `package`, where it was installed with a umask that forbids it."""
    if not user.drops_root:
        return
    make_passable(package, user)
    libraries = package.with_name(f"{package.name}.libs")
    for top in (package, libraries):
        if top.is_dir() and not top.stat().st_mode & stat.S_IROTH:
            for path in (top, *top.rglob("*")):
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
