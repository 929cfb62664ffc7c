"""The files of `--report FORMAT:FILE`: which formats there are, and how a file is written."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from remote_mailcfg.errors import ConfigurationError, RemoteMailcfgError
from remote_mailcfg.report.audit_json import render_json
from remote_mailcfg.report.audit_report import AuditReport
from remote_mailcfg.report.junit import render_junit
from remote_mailcfg.report.markdown import render_markdown
from remote_mailcfg.report.page import has_jinja, render_html
from remote_mailcfg.report.prometheus import render_prometheus
from remote_mailcfg.report.sarif import render_sarif

FORMATS: Final[dict[str, Callable[[AuditReport], str]]] = {
    "json": render_json,
    "sarif": render_sarif,
    "junit": render_junit,
    "prometheus": render_prometheus,
    "markdown": render_markdown,
    "html": render_html,
}


@dataclass(frozen=True, slots=True)
class ReportFile:
    """One report that is wanted: a name of `FORMATS`, and where it goes."""

    form: str
    path: Path


def parse_reports(texts: Sequence[str]) -> tuple[ReportFile, ...]:
    """Return the reports of some `FORMAT:FILE`; raises one error with all problems."""
    problems: list[str] = []
    found: dict[Path, ReportFile] = {}
    for text in texts:
        form, _, name = text.partition(":")
        path = Path(name).expanduser()
        if problem := _problem(form, path):
            problems.append(f"{text!r}: {problem}" if form in FORMATS else problem)
        elif path.resolve() in found:
            problems.append(f"{text!r}: another report goes to this file already")
        else:
            found[path.resolve()] = ReportFile(form, path)
    if problems:
        raise ConfigurationError(
            "configuration",
            "\n".join(f"--report {problem}" for problem in problems),
            "For instance --report sarif:audit.sarif",
        )
    return tuple(found.values())


def _problem(form: str, path: Path) -> str:
    """Return why there can be no such report, `""` where nothing is in the way."""
    if form not in FORMATS:
        return f"FORMAT:FILE: the format is not one of {', '.join(FORMATS)}"
    if _is_no_file(path):
        return "give a file after the colon"
    if not os.access(path.parent, os.W_OK):
        return f"{path.parent} is not a folder that you may write to"
    if form == "html" and not has_jinja():
        return "jinja2 is not installed: pip install 'remote-mailcfg[html]'"
    return ""


def write_report(report: AuditReport, wanted: ReportFile) -> None:
    """Write one report, whole or not at all, readable as usual; raises `not-saved`.

    What collects metrics must never read half a file, and runs as another user.
    """
    text = FORMATS[wanted.form](report)
    try:
        handle, temporary = tempfile.mkstemp(dir=wanted.path.parent, prefix=f".{wanted.path.name}")
        try:
            # JSON of a server may hold half a character, which no file can: a question mark
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(wanted.path)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as error:
        raise RemoteMailcfgError(
            "not-saved", f"the report {wanted.path} cannot be written: {error.strerror}"
        ) from error


def _is_no_file(path: Path) -> bool:
    """Tell whether there can be no file of this name: a device must not be replaced by one."""
    try:
        return path.exists() and not path.is_file()
    except OSError:  # its name is too long
        return True


def _umask() -> int:
    """Return the mask of new files; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
