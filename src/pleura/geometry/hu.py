"""Landmarks in Hounsfield units, each once, with its source. Everything that compares HU uses them.

By definition water is 0 HU and air (exactly: vacuum) is -1000 HU (Hounsfield GN 1973, Br J Radiol
46:1016-1022).
"""

AIR = -1000
"""Air, by definition."""
AIR_FILL = -1024
"""Replaces padding: the lowest value that scanners write for air (12 bits, intercept -1024)."""
NO_MATTER = -1100
"""No matter is lighter than air, and noise reaches little below; a lower constant is padding."""
NOISE_FLOOR = -1250
"""Noise and streaks in air are rarely lower. Source: sharp kernels (B70f) in bench/gate.py."""
LOWEST_AIR = -1060
"""The peak of air is not lower. Source: peaks of -1012 to -985 in the series of bench/gate.py."""
HIGHEST_AIR = -940
"""The peak of air is not higher (same source)."""
GAS = -960
"""A region with a lower median is gas; inflated lung is higher, even with emphysema.

Source: emphysema is defined as below -950 HU (Gevenois PA et al. 1995, Am J Respir Crit Care Med
152:653-657).
"""
COARSE_GAS = -970
"""A coarse voxel (3 mm) with a lower mean is gas; emphysematous lung is higher, except bullae."""
LUMEN = -900
"""The lumen of the trachea is lower, away from partial volume; couch foam and blankets are higher.
"""
LIGHTEST_LUNG = -965
"""Nearly all of a lung is denser; open air is not."""
INFLATED_LUNG = (-970, -450)
"""Range of a lung's median, from emphysema to expiration and diffuse disease; usual: -900 to -700.
"""
AERATED_LUNG = (-950, -500)
"""Range of a coarse voxel (3 mm) of aerated lung."""
SKIN = -500
"""Half-way between air and soft tissue: the rim of the body."""
HALF_WAY = -420
"""Half-way between inflated lung and chest wall. Source: -422 to -410 at the rim of lungs on CT."""
BODY = -400
"""Fat, muscle, bone and couch shells are denser; air, lung and foam are not."""
SOLID_LUNG = -300
"""A region with a higher median is not aerated lung."""
COARSE_SOLID = -200
"""A coarse voxel (3 mm) with a higher mean has almost no air."""
SOFT = (-150, 150)
"""Range of the median of an arm or other soft tissue; a couch is outside."""
GAS_OR_FAT = -20
"""Gas and fat are lower, liver and spleen higher."""
BLOOD = -50
"""Heart, vessels and muscle are higher; lung and most fat are lower."""
FAT = (-135, -65)
"""Peak of fat. Source: -107 to -77 in six real series of four vendors' kernels."""
COARSE_FAT = (-180, -40)
"""Range of a coarse voxel (3 mm) of fat, partial volume included."""
FLUID = (-15, 20)
"""Range of pleural fluid over about 10 mm; consolidated and collapsed lung is above 25."""
FLUID_SPREAD = 20
"""Standard deviation over about 10 mm above which it is not fluid alone: bronchi, blood, edges."""
AIRLESS = (-60, 130)
"""Range of a coarse voxel (3 mm) of fluid or airless lung, noise included."""
MUSCLE = (-20, 120)
"""Peak of muscle, blood and liver, contrast included. Source: 47 to 97 in the same series."""
BONE = 250
"""Vertebrae at 3 mm are higher; contrast in the heart may be, but not in every slice."""
COARSE_BONE = 130
"""A coarse voxel (3.5 mm) with a part of a rib is higher, also in slices of 10 mm."""
CORTICAL_BONE = 500
"""Cortical bone and metal are higher."""
DENSE = 800
"""Dense cortical bone, metal and concentrated contrast are higher."""
DENSEST_OF_A_CHEST = 1000
"""Every chest has denser bone."""
