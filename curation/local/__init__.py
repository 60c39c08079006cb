"""Everything on one machine: the first start, and the supervisor behind `manage.py up`."""
