"The table of speeds compares fillers on the same chips, and the earlier kernel regression is as it was"

from filler_speed import earlier, measure, simulated_chips

s = simulated_chips(2, 32, 3)
table = measure(['regression', 'bayes', earlier], s, rounds=2)
assert list(table.index) == ['regression', 'bayes', earlier]
assert table.speed['regression'] == 1
assert table.mae.is_unique and (table.mae < .1).all()
assert (table.lowest <= table.speed).all() and (table.speed <= table.highest).all()
