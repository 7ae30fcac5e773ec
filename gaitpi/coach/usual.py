"""What a runner's usual lean can judge. Loaded by quick commands: nothing else is in here."""


def comparable(lean_from: int, usual_from: int) -> bool:
    """Whether a lean measured from ``lean_from`` can be judged by a usual one of ``usual_from``.

    As the estimator tells it: 1 the given mount, 2 the runner's own standing, 3 his mean in this
    run; 0 unknown. A usual of 0, not told, is an angle of the body: a lean from the run's own
    mean is only a change, about 0 whatever the posture.
    """
    return lean_from == usual_from if usual_from else lean_from in (1, 2)
