"""What leads from each layout of the state file to the next, and back; run by alembic (`store.migrate`).

One file in `versions/` per layout, each with `upgrade` and `downgrade`; `store/tables.py` is what the last one leaves.
"""
