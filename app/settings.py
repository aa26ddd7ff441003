"""Where things are. Clinical numbers never live here: they stand in recipes, products and stations."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


class Settings(BaseSettings):
    """At most twenty settings, from the environment (LAMINAR_…) and one TOML file (LAMINAR_CONFIG)."""

    model_config = SettingsConfigDict(env_prefix="LAMINAR_", extra="forbid")

    database: str = Field("sqlite:///var/laminar.db", description="SQLite or PostgreSQL, by URL")
    photos: Path = Field(Path("var/photos"), description="folder of the photo store")
    backups: Path = Field(Path("var/backups"), description="folder that backups go to")
    hospital: str = Field("Laminar", description="the name on labels and records")
    zone: str = Field("UTC", description="IANA time zone of the hospital")
    host: str = Field("127.0.0.1", description="address to serve pages on")
    port: int = Field(8080, description="port to serve pages on")
    tls_cert: Path | None = Field(None, description="certificate file for HTTPS")
    tls_key: Path | None = Field(None, description="its key file")
    trusted_proxy: str = Field("", description="address of the one reverse proxy whose X-Forwarded-* is believed")
    mllp_host: str = Field("127.0.0.1", description="address to hear HL7 on")
    mllp_port: int | None = Field(None, description="port to hear HL7 on; none: not heard")
    mllp_sender: str = Field("EHR", description="name of the sender on that port")
    dispense_to: str = Field("", description="host:port that dispense messages (RDS) go to; empty: none")
    bedside_barcode: str = Field("order number", description="what the ward's bedside scanner expects")
    test: bool = Field(False, description="a TEST instance: striped, prints TEST, refuses production senders")
    log_level: str = Field("info", description="debug, info, warning or error")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        import os

        config = os.environ.get("LAMINAR_CONFIG")
        file = (TomlConfigSettingsSource(settings_cls, config),) if config else ()
        return (init_settings, env_settings, *file)
