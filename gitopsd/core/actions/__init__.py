"""What people can do to live objects besides syncing them: restart, scale, pause, run a job now.

The names are Argo CD's (https://argo-cd.readthedocs.io/en/stable/operator-manual/resource_actions/); what each one
writes is what the documentation of the kind's own controller says.
"""
