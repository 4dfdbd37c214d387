"""Which model: the registry, files on disk, the hub, the device, the tokenizer. `encoders` runs one."""
