"""Hounsfield units of what is in a chest: each landmark once, with its source. Everything that
compares HU imports it here.

By definition water is 0 HU and air (vacuum, to be exact) is -1000 HU (Hounsfield GN 1973, Br J
Radiol 46:1016-1022).
"""

AIR = -1000
"""Air, by definition."""
AIR_FILL = -1024
"""What stands in for padding: the lowest value that scanners write for air (12 bits,
RescaleIntercept -1024).
"""
NO_MATTER = -1100
"""No matter is lighter than air; noise reaches a little below. A constant value under this is
padding.
"""
NOISE_FLOOR = -1250
"""Noise and streaks in air hardly reach below. Source: sharp kernels (B70f) in the real series
of bench/gate.py.
"""
LOWEST_AIR = -1060
"""The peak of air does not lie below. Source: peaks of -1012 to -985 in the real series of
bench/gate.py.
"""
HIGHEST_AIR = -940
"""The peak of air does not lie above (same source)."""
GAS = -960
"""A region whose median lies below is gas; inflated lung lies above, even with emphysema.
Source: emphysema is defined as below -950 HU (Gevenois PA et al. 1995, Am J Respir Crit Care Med
152:653-657)."""
LUMEN = -900
"""The lumen of the trachea lies below, where partial volume does not reach; couch foam and
blankets lie above.
"""
LIGHTEST_LUNG = -965
"""Nearly all of a lung is denser; open air is not."""
INFLATED_LUNG = (-970, -450)
"""The median of a lung lies between, from emphysema to expiration and diffuse disease; usual is
-900 to -700.
"""
SKIN = -500
"""Half-way between air and soft tissue: the rim of the body."""
HALF_WAY = -420
"""Half-way between inflated lung and chest wall. Source: measured at the rim of lungs on chest
CT, -422 to -410.
"""
BODY = -400
"""Fat, muscle, bone and couch shells are denser; air, lung and foam are not."""
SOLID_LUNG = -300
"""A region whose median lies above is not aerated lung."""
SOFT = (-150, 150)
"""The median of an arm or another part of soft tissue lies between; that of a couch does not."""
GAS_OR_FAT = -20
"""Gas and fat lie below, liver and spleen above."""
BLOOD = -50
"""Heart, vessels and muscle lie above; lung and most fat below."""
FAT = (-135, -65)
"""Peak of fat. Source: -107 to -77 in six real series of four vendors' kernels."""
MUSCLE = (-20, 120)
"""Peak of muscle, blood and liver, contrast included. Source: 47 to 97 in the same series; water
is 0.
"""
BONE = 250
"""Vertebrae at 3 mm lie above; contrast in the heart may, but not in every slice."""
CORTICAL_BONE = 500
"""Cortical bone and metal lie above."""
DENSE = 800
"""Dense cortical bone, metal and much contrast lie above."""
DENSEST_OF_A_CHEST = 1000
"""Every chest has bone that is denser."""
