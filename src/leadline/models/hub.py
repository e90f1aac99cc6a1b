# SPDX-License-Identifier: Apache-2.0
"""A name like ``hf:org/name`` enters, the folder or file with its weights on this disk leaves, fetched where need be."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, errors, hf_hub_download

from leadline.contracts.errors import WeightsError
from leadline.models.checkpoint_folder import DESCRIPTION, TENSORS
from leadline.models.hugging_face_config import CONFIG, is_hugging_face_folder
from leadline.models.hugging_face_files import fetch_weights
from leadline.models.hugging_face_processor import PROCESSOR

HUB_PREFIX = "hf:"
_NAME = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<file>[^@]+))?(?:@(?P<revision>[^@]+))?")
_WEB_HOST = "huggingface.co"
_WEB = f"https://{_WEB_HOST}"


@dataclass(frozen=True, kw_only=True, slots=True)
class HubName:
    """One model on the Hugging Face hub.

    Attributes:
        repo: "org/name".
        revision: branch, tag or commit; None = the main branch.
        file: a weights file inside; None = the weights and their description.
    """

    repo: str
    revision: str | None = None
    file: str | None = None

    @property
    def page(self) -> str:
        """Where a browser finds the files."""
        return f"{_WEB}/{self.repo}/tree/{self.revision or 'main'}"


def parse_hub_name(name: str) -> HubName:
    """The parts of ``hf:org/name``, ``hf:org/name@revision``, ``hf:org/name/file.pth`` or both.

    Raises:
        WeightsError: the name has another form.

    >>> parse_hub_name("hf:org/name/deep/file.pth@v1")
    HubName(repo='org/name', revision='v1', file='deep/file.pth')
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise WeightsError(
            expected="hf:ORG/NAME, hf:ORG/NAME@REVISION or hf:ORG/NAME/FILE.pth",
            got=repr(name),
            remedy="write the name as its page on huggingface.co shows it",
        )
    return HubName(repo=match["repo"], revision=match["revision"], file=match["file"])


def fetch(name: HubName) -> Path:
    """The file named, or the folder that holds weights beside our ``model.json`` or a ``config.json``.

    Beside a ``config.json`` they may lie in shards or in a pickle; its ``preprocessor_config.json`` comes with them.  Where
    it is no depth model's, timm's for example, the weights file alone.

    Files that are in huggingface_hub's cache are not fetched again; it shows a bar for those that are.

    Raises:
        WeightsError: there is no such repository, revision or file, no leave to read it, or no network to fetch it from.
    """
    hub = _Hub(name, no_network())
    if name.file is not None:
        return hub.file(name.file)
    for description in (DESCRIPTION, CONFIG):
        if hub.has(description):
            break
    else:
        return hub.file(TENSORS)
    if description == DESCRIPTION:
        return hub.file(TENSORS).parent
    hub.has(PROCESSOR)
    weights = fetch_weights(hub.file, hub.has)
    return weights.parent if is_hugging_face_folder(weights.parent) else weights


def no_network() -> str | None:
    """Why nothing can be fetched, or None where it can be tried.

    Without this question huggingface_hub tries a host that nobody knows five times, for half a minute.
    """
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    host = urlsplit(constants.ENDPOINT).hostname or _WEB_HOST
    if getproxies():  # then it is the proxy that knows the host
        return None
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return f"{host} is not reachable from here"
    return None


@dataclass(frozen=True, slots=True)
class _Hub:
    """One repository, and why it can only be looked for in the cache, if so."""

    name: HubName
    no_network: str | None

    def has(self, file: str) -> bool:
        """Fetch a file that may not be there."""
        try:
            self._ask(file)
        except errors.EntryNotFoundError:  # what is needed most is asked for last, and that error shown
            return False
        except (OSError, ValueError) as error:
            raise self._explained(file, error) from error
        return True

    def file(self, file: str) -> Path:
        try:
            return self._ask(file)
        except (errors.EntryNotFoundError, OSError, ValueError) as error:
            raise self._explained(file, error) from error

    def _ask(self, file: str) -> Path:
        cached_only = self.no_network is not None
        try:
            return Path(hf_hub_download(self.name.repo, file, revision=self.name.revision, local_files_only=cached_only))
        except (errors.HfHubHTTPError, errors.EntryNotFoundError):
            raise
        except (errors.HTTPError, RuntimeError) as error:  # a transfer that broke; RuntimeError: a server sent too little
            raise OSError(str(error)) from error

    def _explained(self, file: str, error: Exception) -> WeightsError:
        """One line for each way a download fails; ``error`` is huggingface_hub's."""
        name = self.name
        if isinstance(error, errors.GatedRepoError):
            got, remedy = "a repository that asks for consent", f"accept its terms at {name.page} and run `hf auth login`"
        elif isinstance(error, errors.RepositoryNotFoundError):
            got, remedy = "no such repository, or a private one", "check the name, or run `hf auth login`"
        elif isinstance(error, errors.RevisionNotFoundError):
            got, remedy = f"no revision {name.revision!r}", f"choose one of {_WEB}/{name.repo}/tree/main"
        elif isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
            got, remedy = f"no {file} there", f"name a file of {name.page}, e.g. {HUB_PREFIX}{name.repo}/FILE.pth"
        elif isinstance(error, errors.HFValidationError):
            got, remedy = "a name the hub does not allow", "write it as its page on huggingface.co shows it"
        else:
            said = (str(error) or type(error).__name__).splitlines()[0]
            reason = self.no_network or f"the network did not answer ({said})"
            got, remedy = f"{reason}, and the file is not in huggingface_hub's cache", _by_hand(name)
        return WeightsError(expected=f"{file} of {HUB_PREFIX}{name.repo}", got=got, remedy=remedy)


def _by_hand(name: HubName) -> str:
    """What to put where, and how to say so."""
    if name.file is not None:
        place = f"put {name.file} from {name.page} anywhere on this disk and pass its path as MODEL, "
        return place + "with --architecture where its name does not say what it is"
    folder = name.repo.rpartition("/")[2]
    place = f"put {TENSORS} and {CONFIG} (or {DESCRIPTION}) from {name.page} into one folder, e.g. ./{folder}, "
    return place + "and pass that folder as MODEL"
