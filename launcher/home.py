"""The stack's home directory: where data, sockets, keys and logs lie, and what processes are told.

`$ATTUNE_HOME` (default `.attune` in the checkout) holds everything that the launcher makes except
the virtual environment. Two kinds of paths may have to live elsewhere: a Unix socket's path has at
most 107 bytes, and when root runs the launcher, Postgres runs as another user who must be able to
reach its data. Both then go to a private directory outside, named by a random id kept in the home.
"""

import ctypes
import fcntl
import json
import os
import pwd
import secrets
import stat
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from launcher.trouble import Trouble

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SOCKET_PATH_LIMIT = 107  # bytes, sun_path on Linux; macOS has 103, covered by the margin below
SOCKET_NAME_MARGIN = 40  # room for "/postgres/.s.PGSQL.5432" and "/valkey.sock"
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")
SECRET_NAMES = ("SECRET_KEY", "SIGNING_KEY", "TOMBSTONE_KEY", "MASTER_KEYS")
DEFAULT_PORT = 8000
DATABASE_NAME = "attune"


@dataclass(frozen=True)
class Home:
    """One stack's directory. Two stacks with different homes share nothing but the checkout."""

    root: Path

    @classmethod
    def locate(cls) -> "Home":
        """Return the home that the environment names, or `.attune` in the checkout."""
        named = os.environ.get("ATTUNE_HOME")
        return cls(Path(named).absolute() if named else PROJECT_ROOT / ".attune")

    @property
    def log(self) -> Path:
        """Directory of log files, one per process."""
        return self.root / "log"

    @property
    def lock_file(self) -> Path:
        """Held locked by the running supervisor; contains its process id."""
        return self.root / "supervisor.pid"

    @property
    def valkey_directory(self) -> Path:
        """Working directory of the embedded Valkey; nothing is kept in it."""
        return self.root / "valkey"

    @property
    def run(self) -> Path:
        """Directory of sockets: in the home, or outside when the home's path does not fit one."""
        inside = self.root / "run"
        fits = len(os.fsencode(inside)) + SOCKET_NAME_MARGIN <= SOCKET_PATH_LIMIT
        # Addresses are URLs that are not percent-decoded everywhere: odd characters go outside too.
        plain = PLAIN.issuperset(str(inside))
        return inside if fits and plain and self._open_to_postgres else self.outside / "run"

    @property
    def valkey_socket(self) -> Path:
        """Socket of the embedded Valkey."""
        return self.run / "valkey.sock"

    @property
    def postgres_run(self) -> Path:
        """Directory with the socket of the embedded Postgres; belongs to the user it runs as."""
        return self.run / "postgres"

    @property
    def postgres_data(self) -> Path:
        """Data directory of the embedded Postgres; belongs to the user it runs as."""
        return (self.root if self._open_to_postgres else self.outside) / "postgres"

    @property
    def _open_to_postgres(self) -> bool:
        """Whether the user that Postgres runs as can walk into the home."""
        user = service_user()
        return user is None or reachable(self.root, *user)

    def create(self) -> None:
        """Make the home's directories; repeatable."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for directory in (self.log, self.valkey_directory, self.run):
                directory.mkdir(exist_ok=True)
        except OSError as error:
            raise Trouble(
                f"The directory {self.root} cannot be written ({error.strerror}): "
                "set ATTUNE_HOME to one that can."
            ) from None

    @property
    def outside(self) -> Path:
        """This home's directory outside of it, made if need be; only we may write to it."""
        # Unlike /tmp it survives a restart of the machine; ownership is checked below.
        place = Path("/var/tmp")  # nosec B108
        if not place.is_dir():
            place = Path(tempfile.gettempdir())
        directory = place / f"attune-{self._identifier()}"
        if not directory.exists():
            directory.mkdir(mode=0o755)
            directory.chmod(0o755)  # whatever the umask: Postgres may run as another user
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise Trouble(f"{directory} belongs to somebody else: remove it and start again.")
        return directory

    def _identifier(self) -> str:
        """Return this home's random id, drawn once: a fresh home never finds an old one's data."""
        self.root.mkdir(parents=True, exist_ok=True)
        return _read_or_create(self.root / "home.id", secrets.token_hex(6)).strip()

    def secrets(self) -> dict[str, str]:
        """Return the stack's own keys, made on first use and readable by the owner only.

        A home of an earlier version gets the keys that it lacks; those it has stay.
        """
        path = self.root / "secrets.json"
        kept = self._kept(_read_or_create(path, _written({n: _drawn(n) for n in SECRET_NAMES})))
        if set(SECRET_NAMES) <= set(kept):
            return kept
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # By its name, not from `file`: another start may have replaced it while we waited.
            kept = self._kept(path.read_text())
            kept |= {name: _drawn(name) for name in SECRET_NAMES if name not in kept}
            aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            _read_or_create(aside, _written(kept))
            aside.replace(path)
        return kept

    def _kept(self, text: str) -> dict[str, str]:
        try:
            kept: dict[str, str] = json.loads(text)
        except ValueError:
            raise Trouble(
                f"{self.root / 'secrets.json'} is not JSON any more: restore it."
            ) from None
        return kept

    def environment(self) -> dict[str, str]:
        """Return the full environment for the stack's processes; what is set already stays."""
        library_path = os.environ.get("LD_LIBRARY_PATH", "")
        openmp = openmp_directory(self)
        if openmp is not None and str(openmp) not in library_path.split(":"):
            library_path = f"{openmp}:{library_path}" if library_path else str(openmp)
        values = {
            **self.secrets(),
            "ATTUNE_HOME": str(self.root),
            "PORT": str(port()),
            "STREAM_PORT": str(stream_port()),
            "STREAM_ORIGIN": f"http://127.0.0.1:{stream_port()}",
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "PYTHONUNBUFFERED": "1",
            **os.environ,
        }
        if not os.environ.get("DATABASE_URL"):
            # Variables like PGPORT or PGHOSTADDR are about another server, and libpq obeys them.
            values = {name: value for name, value in values.items() if not name.startswith("PG")}
            values["DATABASE_URL"] = f"postgres:///{self.postgres_run}/{DATABASE_NAME}"
            values["PGUSER"] = "postgres"
        if not os.environ.get("REDIS_URL"):
            values["REDIS_URL"] = f"unix://{self.valkey_socket}"
        if library_path:
            values["LD_LIBRARY_PATH"] = library_path
        values["ATTUNE_HOME"] = str(self.root)
        return values


def service_user() -> tuple[int, int] | None:
    """Return (uid, gid) of the user Postgres runs as under root, whom it refuses; else None."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise Trouble(
        "Postgres does not run as root and there is no user `nobody` to run it as: "
        "start Attune as another user."
    )


def reachable(path: Path, uid: int, gid: int) -> bool:
    """Tell whether that user may walk into `path` (the part of it that exists)."""
    for step in (path.absolute(), *path.absolute().parents):
        try:
            found = step.stat()
        except FileNotFoundError:
            continue
        bit = 0o100 if found.st_uid == uid else 0o010 if found.st_gid == gid else 0o001
        if not found.st_mode & bit:
            return False
    return True


def port() -> int:
    """Return the web port: $PORT or 8000."""
    return _port("PORT", DEFAULT_PORT)


def stream_port() -> int:
    """Return the port of the live stream: $STREAM_PORT or the one after the web port."""
    web = port()
    return _port("STREAM_PORT", web + 1 if web < 65535 else web - 1)


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Trouble(f"{name} is {text!r}, but a port is a number from 1 to 65535.")
    return int(text)


def openmp_directory(home: Home) -> Path | None:
    """Return a directory with libgomp.so.1 for LD_LIBRARY_PATH, or None when the system has it.

    LightGBM links against it and minimal images lack it; scikit-learn's wheel carries the same
    library under a mangled name, so a link in the home is enough. None also when there is neither.
    """
    if sys.platform != "linux":
        return None
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        pass
    else:
        return None
    packages = PROJECT_ROOT / ".venv" / "lib"
    candidates = [
        *Path(sysconfig.get_paths()["purelib"]).glob("scikit_learn.libs/libgomp-*.so*"),
        *packages.glob("python3*/site-packages/scikit_learn.libs/libgomp-*.so*"),
    ]
    if not candidates:
        return None
    directory = home.root / "lib"
    directory.mkdir(parents=True, exist_ok=True)
    link = directory / "libgomp.so.1"
    if link.is_symlink() and link.readlink() != candidates[0]:
        link.unlink()
    if not link.is_symlink():
        link.symlink_to(candidates[0])
    return directory


def adopt_environment() -> None:
    """Give this process the environment of its home's stack, unless it has one already.

    The loader reads LD_LIBRARY_PATH only at start, so if that changes the process starts again.
    """
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        return
    before = os.environ.get("LD_LIBRARY_PATH", "")
    home = Home.locate()
    home.create()
    replace_environment(home.environment())
    if os.environ.get("LD_LIBRARY_PATH", "") != before:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def replace_environment(values: dict[str, str]) -> None:
    """Make these the variables of this process, and no others."""
    for name in set(os.environ) - set(values):
        del os.environ[name]
    os.environ.update(values)


def _drawn(name: str) -> str:
    """Return a fresh key for one of SECRET_NAMES."""
    if name == "MASTER_KEYS":  # a list of name:key, which begins with this one
        return f"first:{secrets.token_urlsafe(32)}"
    return secrets.token_urlsafe(48)


def _written(kept: dict[str, str]) -> str:
    return json.dumps(kept, indent=2) + "\n"


def _read_or_create(path: Path, text: str) -> str:
    """Return the file's text; when it does not exist write `text`, readable by the owner only.

    Written aside and linked in place, so that of two first starts at once both read one file.
    """
    try:
        return path.read_text()
    except FileNotFoundError:
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
        return path.read_text()
