"""Where things are. Clinical numbers never live here: they stand in recipes, products and stations."""

import errno
import os
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


class Settings(BaseSettings):
    """At most twenty settings, from the environment (LAMINAR_…) and one TOML file (LAMINAR_CONFIG)."""

    model_config = SettingsConfigDict(env_prefix="LAMINAR_", extra="forbid")

    database: str = Field("sqlite:///var/laminar.db", description="SQLite or PostgreSQL, by URL")
    photos: Path = Field(Path("var/photos"), description="folder of the photo store")
    backups: Path = Field(Path("var/backups"), description="folder that backups go to")
    downtime: Path | None = Field(None, description="folder that the downtime pack is written to; none: not written")
    hospital: str = Field("Laminar", description="the name on labels and records")
    zone: str = Field("UTC", description="IANA time zone of the hospital")
    host: str = Field("127.0.0.1", description="address to serve pages on")
    port: int = Field(8080, ge=0, le=65535, description="port to serve pages on")
    tls_cert: Path | None = Field(None, description="certificate file for HTTPS")
    tls_key: Path | None = Field(None, description="its key file")
    trusted_proxy: str = Field("", description="address of the one reverse proxy whose X-Forwarded-* is believed")
    mllp_host: str = Field("127.0.0.1", description="address to hear HL7 on")
    mllp_port: int | None = Field(None, ge=0, le=65535, description="port to hear HL7 on; none: not heard")
    mllp_sender: str = Field("EHR", description="name of the sender on that port")
    mllp_authority: str = Field("", description="who assigns our record numbers (PID-3.4); empty: not compared")
    mllp_visit: Literal["PV1-19", "PID-18"] = Field("PV1-19", description="where that sender puts the visit number")
    dispense_to: str = Field("", description="host:port that dispense messages (RDS) go to; empty: none")
    bedside_barcode: Literal["order number", "order number, Code 128", "order number on everything", "none"] = Field(
        "order number", description="what the ward's bedside scanner expects on a label"
    )
    test: bool = Field(False, description="a TEST instance: striped, prints TEST, refuses production senders")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much is logged")

    @field_validator("database")
    @classmethod
    def _of_a_known_kind(cls, url: str) -> str:
        if not url.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("a database is sqlite:///PATH or postgresql://ROLE@SERVER/NAME")
        return url

    @field_validator("trusted_proxy")
    @classmethod
    def _an_address(cls, address: str) -> str:
        try:
            return str(ip_address(address)) if address else ""
        except ValueError:
            raise ValueError("the proxy is named by its address, such as 127.0.0.1") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        config = os.environ.get("LAMINAR_CONFIG")
        if config and not Path(config).is_file():
            # Without this the product would start on the settings of nobody, and on an empty database.
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), config)
        file = (TomlConfigSettingsSource(settings_cls, config),) if config else ()
        return (init_settings, env_settings, *file)
