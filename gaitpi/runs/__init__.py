"""The run file: one SQLite file per run, its writer, recorder and reader.

Nothing is imported here, so that listing runs stays quick on a small machine.
"""
