"""What is on a shelf, and how much of it is to be ordered."""


def clamp(value, low, high):
    """The nearest number between the two."""
    if value < low:
        return low
    if value > high:
        return high
    return value


def refill(level, wanted, capacity):
    """How much to order: never more than there is room for."""
    missing = wanted - level
    room = capacity - level
    return clamp(missing, 0, room)


def price(pieces, cents, discount_from):
    """What pieces cost: a tenth less from a number of them on."""
    total = pieces * cents
    if discount_from <= pieces:
        return total - total // 10
    return total


def days_left(level, sales):
    """For how many whole days it lasts at the mean of the last days; None for ever."""
    total = sum(sales)
    if total == 0:
        return None
    return level * len(sales) // total


def share(pieces, people):
    """Who gets how many: the first ones get one more where it does not come out even."""
    each, more = divmod(pieces, people)
    return [each + 1 if place < more else each for place in range(people)]


def cheapest(offers, budget):
    """The least that is asked, or the budget if that is less."""
    lowest = budget
    for offer in offers:
        lowest = min(lowest, offer + 5)
    return lowest
