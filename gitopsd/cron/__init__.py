"""Schedules written as cron expressions, in time zones."""
