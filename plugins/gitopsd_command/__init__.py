"""Commands as renderers: what Argo CD calls config management plugins. `hooks` is the plugin, `keeper` the process that
runs the commands; the keeper knows the standard library alone, so nothing is imported here.
"""
