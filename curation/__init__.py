"""The Django project and app: tables, rules, web pages and API."""
