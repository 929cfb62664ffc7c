"""An audit that runs by itself: the text of systemd units, of a crontab, of a Kubernetes CronJob.

None of them holds a secret. Each secret is a file that `NAME_FILE` names, as everywhere else.
"""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

UNIT: Final = "remote-mailcfg-audit"
#: Where systemd finds credentials by itself; only root can look into it.
CREDENTIALS: Final = "/etc/credstore"
#: The longest command that cron takes (Debian's, cron.h, MAX_COMMAND).
MOST_CRON_CHARACTERS: Final = 998

_SAFE_IN_SYSTEMD: Final = re.compile(r"[A-Za-z0-9_@+=:,./-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """A time of each day, or without an hour a minute of each hour."""

    hour: int | None
    minute: int

    @property
    def cron(self) -> str:
        """Return it in the words of cron."""
        return f"{self.minute} {'*' if self.hour is None else self.hour} * * *"

    @property
    def calendar(self) -> str:
        """Return it in the words of systemd."""
        return f"*-*-* {'*' if self.hour is None else f'{self.hour:02}'}:{self.minute:02}:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is run, when, and what it needs.

    `program` begins with an absolute path. `folder` is where the files are that belong to it,
    `secrets` are names of variables, `reports` the folders that it writes to.
    """

    program: tuple[str, ...]
    options: tuple[str, ...]
    at: Time
    folder: Path
    user: str
    secrets: tuple[str, ...]
    secrets_folder: Path
    reports: tuple[Path, ...]


def render_systemd(job: Job) -> str:
    """Return a service and its timer, each with the file that it belongs into."""
    words = (*job.program, "audit", *job.options)
    command = " ".join(_for_systemd(it).replace("$", "$$") for it in words)
    credentials = [
        line
        for name in job.secrets
        for line in (
            f"LoadCredential={name}:{CREDENTIALS}/{name}",
            f"Environment={name}_FILE=%d/{name}",
        )
    ]
    reports = [f"ReadWritePaths={_for_systemd(str(it))}" for it in job.reports]
    return "\n".join(
        [
            f"# /etc/systemd/system/{UNIT}.service",
            "[Unit]",
            "Description=Audit of outgoing mail",
            "Wants=network-online.target",
            "After=network-online.target",
            "",
            "[Service]",
            "Type=oneshot",
            f"User={job.user}",
            f"WorkingDirectory={str(job.folder).replace('%', '%%')}",
            "# It fails with 1 where an instance is not examined, with 3 where something is found:",
            "# OnFailure= in [Unit] may name a unit that tells somebody.",
            f"ExecStart={command}",
            "TimeoutStartSec=1h",
            "StateDirectory=remote-mailcfg",
            "StateDirectoryMode=0700",
            "Environment=XDG_STATE_HOME=%S",
            *credentials,
            *reports,
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "ProtectHome=read-only",
            "PrivateTmp=yes",
            "PrivateDevices=yes",
            "ProtectControlGroups=yes",
            "ProtectKernelModules=yes",
            "ProtectKernelTunables=yes",
            "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
            "RestrictNamespaces=yes",
            "RestrictSUIDSGID=yes",
            "LockPersonality=yes",
            "SystemCallArchitectures=native",
            "",
            f"# /etc/systemd/system/{UNIT}.timer",
            f"# then: systemctl daemon-reload && systemctl enable --now {UNIT}.timer",
            "[Unit]",
            "Description=Audit of outgoing mail, by the clock",
            "",
            "[Timer]",
            f"OnCalendar={job.at.calendar}",
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
            "",
        ]
    )


def _for_systemd(word: str) -> str:
    """Return a word as systemd reads it (systemd.syntax(7), systemd.unit(5))."""
    if _SAFE_IN_SYSTEMD.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def render_cron(job: Job) -> str:
    """Return lines of a user's crontab; the last one is the job."""
    words = shlex.join((*job.program, "audit", *job.options))
    command = f"cd {shlex.quote(str(job.folder))} && {words}".replace("%", "\\%")
    return "\n".join(
        [
            "# Into the crontab of the user who shall run it: crontab -e",
            "# Cron mails what is printed, with -q only what matters, to",
            f"#MAILTO={job.user}",
            *(f"{name}_FILE={job.secrets_folder / name}" for name in job.secrets),
            f"{job.at.cron} {command}",
            "",
        ]
    )


SETTINGS: Final = "/etc/remote-mailcfg"
SECRETS: Final = "/run/secrets/remote-mailcfg"
STATE: Final = "/var/lib/remote-mailcfg"


def render_kubernetes(job: Job, *, image: str) -> str:
    """Return a CronJob and the volume for its history. Its program is the one of the image."""
    # $ begins a variable there, and $$ is $
    words = [it.replace("$", "$$") for it in ("remote-mailcfg", "audit", *job.options)]
    has_secrets = bool(job.secrets)
    variables = {"XDG_STATE_HOME": STATE} | {
        f"{name}_FILE": f"{SECRETS}/{name}" for name in job.secrets
    }
    make_them = f"""\
# kubectl create secret generic remote-mailcfg {" ".join(f"--from-file={it}" for it in job.secrets)}
"""
    mount_them = f"""\
                - name: secrets
                  mountPath: {SECRETS}
                  readOnly: true
"""
    volume_of_them = """\
            - name: secrets
              secret:
                secretName: remote-mailcfg
                defaultMode: 288 # 0440
"""
    return f"""\
# kubectl create configmap remote-mailcfg --from-file=instances.toml
# with --from-file=audit.toml where there is one
{make_them * has_secrets}\
# Reports can be written under {STATE} and /tmp alone.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {UNIT}
spec:
  schedule: {_quoted(job.at.cron)}
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  jobTemplate:
    spec:
      backoffLimit: 0
      activeDeadlineSeconds: 3600
      template:
        spec:
          restartPolicy: Never
          automountServiceAccountToken: false
          securityContext:
            runAsNonRoot: true
            runAsUser: 1000
            runAsGroup: 1000
            fsGroup: 1000
            seccompProfile:
              type: RuntimeDefault
          containers:
            - name: audit
              image: {_quoted(image)}
              command:
{_items(words, indent=16)}
              workingDir: {SETTINGS}
              env:
{_variables(variables, indent=16)}
              securityContext:
                allowPrivilegeEscalation: false
                readOnlyRootFilesystem: true
                capabilities:
                  drop: [ALL]
              volumeMounts:
                - name: settings
                  mountPath: {SETTINGS}
                  readOnly: true
{mount_them * has_secrets}\
                - name: state
                  mountPath: {STATE}
                - name: tmp
                  mountPath: /tmp
          volumes:
            - name: settings
              configMap:
                name: remote-mailcfg
{volume_of_them * has_secrets}\
            - name: state
              persistentVolumeClaim:
                claimName: {UNIT}
            - name: tmp
              emptyDir: {{}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {UNIT}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 1Gi
"""


def _items(words: Sequence[str], *, indent: int) -> str:
    return "\n".join(f"{' ' * indent}- {_quoted(it)}" for it in words)


def _variables(variables: dict[str, str], *, indent: int) -> str:
    lines = (f"- name: {name}\n{' ' * indent}  value: {it}" for name, it in variables.items())
    return "\n".join(" " * indent + line for line in lines)


def _quoted(text: str) -> str:
    """Return a text as YAML reads it whatever is in it: in quotes, as in JSON."""
    return json.dumps(text, ensure_ascii=False)
