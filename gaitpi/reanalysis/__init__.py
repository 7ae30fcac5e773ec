"""The reanalysis room: recorded runs computed once more, and what that changes of them.

``sources`` finds the files, ``work`` computes one of them (a pure function of its bytes, the code
and the parameters), ``compare`` says what changed, ``backends`` has the work done here, by local
processes or by a Dask cluster, ``store`` keeps what is done, ``words`` says it.
"""
