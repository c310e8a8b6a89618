import unittest

from shelf import cheapest, clamp, days_left, price, refill, share


class Clamp(unittest.TestCase):
    def test_within(self):
        self.assertEqual(clamp(5, 0, 10), 5)

    def test_below(self):
        self.assertEqual(clamp(-1, 0, 10), 0)

    def test_above(self):
        self.assertEqual(clamp(11, 0, 10), 10)


class Refill(unittest.TestCase):
    def test_missing(self):
        self.assertEqual(refill(3, 8, 10), 5)

    def test_room(self):
        self.assertEqual(refill(3, 20, 10), 7)

    def test_enough(self):
        self.assertEqual(refill(9, 8, 10), 0)


class Price(unittest.TestCase):
    def test_few(self):
        self.assertEqual(price(2, 30, 10), 60)

    def test_enough_for_a_discount(self):
        self.assertEqual(price(10, 30, 10), 270)

    def test_many(self):
        self.assertEqual(price(20, 5, 10), 90)


class DaysLeft(unittest.TestCase):
    def test_no_sales(self):
        self.assertIsNone(days_left(10, [0, 0]))

    def test_sales(self):
        self.assertEqual(days_left(10, [1, 3]), 5)


class Share(unittest.TestCase):
    def test_even(self):
        self.assertEqual(share(6, 3), [2, 2, 2])

    def test_uneven(self):
        self.assertEqual(share(7, 3), [3, 2, 2])


class Cheapest(unittest.TestCase):
    def test_an_offer(self):
        self.assertEqual(cheapest([20, 12], 30), 17)

    def test_the_budget(self):
        self.assertEqual(cheapest([40], 30), 30)


if __name__ == "__main__":
    unittest.main()
