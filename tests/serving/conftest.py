import pytest


def mutated(data, generator):
    """Return bytes with some of them changed, cut out or doubled; at the beginning, where the sizes are, the most."""
    changed, most = bytearray(data), len(data) if generator.random() < 0.3 else min(len(data), 250)
    for _ in range(generator.integers(1, 5)):
        place, kind = int(generator.integers(most)), generator.integers(4)
        if kind < 2:
            changed[place : place + 1] = bytes([generator.integers(256)])
        elif kind == 2:
            del changed[place : place + int(generator.integers(1, 40))]
        else:
            changed[place:place] = changed[place : place + int(generator.integers(1, 40))]
    return bytes(changed)


@pytest.fixture(scope="session")
def mutate():
    return mutated
