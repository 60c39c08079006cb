"""The bodies of the Celery tasks: the engine on one side, tables and object store on the other."""
