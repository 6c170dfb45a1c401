"""The host side: compiled directories, the emulated SdkRuntime, and what runs host scripts."""
