"""The commands: one module per group; they talk HTTP, except run, config, render and health, which work offline."""
