"""Every number that decides about anatomy: value, [unit], meaning, source. HU landmarks are in
`geometry.hu`, the thresholds of checks in `quality.thresholds`.
"""

# Body and couch (couch)

COARSE_MM = 3.0
"""[mm] Voxels on which the body is looked for; its rim is refined on the volume's own grid."""
THICK_MM = 6.0
"""[mm] Half the thickness of the core of a body part; shells, blankets and wires are thinner."""
LEAST_PART = 0.01
"""[share of the torso] Smaller pieces of soft tissue are not body parts."""
SPECK_ML = 0.2
"""[ml] Smaller pieces outside the body are noise."""
SPECK_VOXELS = 8.0
"""[voxels] Pieces of fewer voxels are noise too."""
NARROW_MM = 200.0
"""[mm] A field of view smaller than a circle of this diameter may lie within the patient."""
MOSTLY = 0.5
"""[share of the edge] With more body along its edge, a field of view may lie within the patient."""
CHILD_MM = 200.0
"""[mm] A body no wider and no deeper is a child's. Its chest wall may be too thin to be recognised
as body, so nothing is called couch.
"""
OPEN_CM2 = 5.0
"""[cm²] More air inside the hull of a patient cut by the field of view may be emphysema."""
BOTH_SIDES = (0.15, 0.85)
"""[share] A region with its left part in this range lies on both sides: air under the patient."""
DIRECTIONS_MET = 2.0
"""[directions of four] In more of these the body is met from within a lung at the image edge."""

# Airways (airways)

LUMEN_MM2 = (60.0, 900.0)
"""[mm²] Lumen of a trachea in an axial slice, from a child's to tracheomegaly."""
LEAST_TRACHEA_MM = 20.0
"""[mm] A shorter run of lumen may be a bubble in the bowel."""
ROUND = 2.2
"""[ratio] Longer side of a lumen's box to its shorter side, at most."""
FILLED_BOX = 0.5
"""[share] A lumen fills more than this part of its box."""
REACH_MM = (120.0, 70.0, 90.0)
"""[mm] Reach of large bronchi from the trachea: along the body, to front and back, to the sides."""
OFF_MIDDLE_MM = 45.0
"""[mm] Largest distance of the trachea from the middle of the body."""
BAND_MM = 30.0
"""[mm] Gas is examined this much farther out, so that no lumen is cut."""
GROWTH_HU = range(-960, -780, 20)
"""[HU] Thresholds at which the airways are grown, in turn."""
LEAK_ML = 12.0
"""[ml] A larger growth between two thresholds has leaked into a lung."""
LEAK_TIMES = 4.0
"""[times] So has a growth to more than this multiple of the volume, plus `LEAK_MARGIN_ML`."""
LEAK_MARGIN_ML = 60.0
"""[ml] See `LEAK_TIMES`."""

# Midline and walls (anatomy)

LEAST_SPINE_MM2 = 300.0
"""[mm²] Bone in the back half of the body, mean over slices; with less, no spine is seen."""
SPINE_MM = 40.0
"""[mm] Width of the columns in which the spine is looked for where a side of the chest is cut."""
SPINE_AT_CUT_MM2 = 240.0
"""[mm²] Bone in columns of that width, mean over slices; ribs and shoulder blades have less."""
MISSING_SIDE = 0.7
"""[share of the body's depth] With more body along the left or right edge of the image, a side of
the chest is missing; shoulders and flanks that leave a narrow field have less."""
MOSTLY_ONE_LUNG = 0.9
"""[share of all lung] With more on one side of the midline of a chest whose other side is cut, all
of it is one lung."""
WALL_MM = 2.6
"""[mm] Wall of trachea and main bronchi, which is not lung."""

# Lungs (lungs)

CORE_MM = 3.0
"""[mm] Bridges thinner than twice this, or than three wide pixels, do not join a bubble of gas to
the lung (a leak through diaphragm or pleura).
"""
CERTAIN_GAS_HU = -985
"""[HU] A core whose median is lower is gas, whatever its size."""
BUBBLE_HU = -930
"""[HU] A small core with a lower median, `CLEARLY_LOWER_HU` below the lungs', is gas as well: noise
and blur raise the values of a bubble.
"""
CLEARLY_LOWER_HU = 50
"""[HU] See `BUBBLE_HU`."""
GAS_SHARE = 0.5
"""[share of the largest core] Smaller cores whose median is that of gas are gas."""
BUBBLE_SHARE = 0.3
"""[share of the largest core] Smaller cores can be bubbles (`BUBBLE_HU`)."""
SOLID_SHARE = 0.25
"""[share of the largest core] Smaller cores of solid tissue are not lung."""
SMALLEST_ML = 20.0
"""[ml] Smaller isolated parts are not lung, unless the lungs are small (`SMALLEST_SHARE`)."""
SMALLEST_SHARE = 0.1
"""[share of the largest part] A part that reaches this is lung, however small."""
HOLE_MM2 = 350.0
"""[mm²] Axial holes up to this are vessels, bronchi and nodules, which RTOG 1106 counts as lung."""
TRIM_MM = 10.0
"""[mm] Solid slices this near an end of the lungs are hallucinated; longer runs are dense lung."""
AIRY_SHARE = 0.35
"""[share of a slice's mask] A slice with this much aerated lung is not solid."""

# Right and left (sides)

RADII_MM = (0.8, 1.5, 2.2, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 12.0)
"""[mm] Erosions that are tried, in turn, until two lungs separate."""
FLOOD_STEP_MM = 0.5
"""[mm] Steps of depth in which the two lungs grow back."""
APART = 0.5
"""[share of the wider part] Two lungs are farther apart; two lobes of one lung are not."""
CLEAR_OF_MIDDLE = 0.2
"""[share of its width] The mean of a lung is farther from the midline, that of both is not."""
SMALLER = 0.05
"""[share of the first lung] A second lung is not smaller; a cut-off lobe or a speck is."""
ONE_LUNG = (0.25, 0.75)
"""[share] A region whose left part lies outside this range is one lung, on the larger side."""

# Patients (dicom.patient)

ADULT_YEARS = 18
"""[years] Younger patients are children: the network and every figure come from adults."""
LIGHTEST_ADULT_KG = 35.0
"""[kg] A lighter patient of unknown age is taken for a child; girls of 11 years weigh about 37 kg
at the median (CDC growth charts of 2000)."""
