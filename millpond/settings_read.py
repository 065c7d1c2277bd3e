"""How a process begins: its settings are read and what it logs is set up. What is wrong with a setting is said by the
name it is set by, and never with its value."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from keel.logs import setup
from millpond.settings import Settings, SettingsRefused, environment_name


def read_settings() -> Settings:
    """The settings of this process, which logs from now on as they say. Raises SettingsRefused."""
    settings = _read()
    setup(settings.log_level, as_json=settings.log_json)
    return settings


def _read() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsRefused("\n".join(map(_said_of, error.errors(include_url=False, include_input=False)))) from None
    except ValueError as error:  # of pydantic-settings: the text names the field, its causes hold the value
        named = [environment_name(field) for field in Settings.model_fields if f'"{field}"' in str(error)]
        raise SettingsRefused(f"{' '.join(named)}: is not JSON; lists and mappings are written so.") from None


def _said_of(problem: ErrorDetails) -> str:
    if not problem["loc"]:
        return problem["msg"]
    first, *rest = map(str, problem["loc"])  # the first is a field, or the name it is set by
    name = environment_name(first) if first in Settings.model_fields else first
    return f"{'.'.join([name, *rest])}: {problem['msg']}"
