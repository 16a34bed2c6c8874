"""Every number that decides a check, on one page: value, [unit], meaning, source.

HU landmarks are in `geometry.hu`, numbers about anatomy in `anatomy.thresholds`. Real series are
those of `bench/gate.py`, which prints what these numbers catch and what they refuse wrongly.
"""

# Version (gate)

VERSION = 3
"""Raised when a check changes: a cohort prepared by another version is checked again when used."""

# Sample (gate)

SAMPLE_SLICES = 48
"""[slices] Most slices on which anatomy is checked: 10 mm apart in a long scan (lungs: 200 mm)."""
SAMPLE_MM = 3.0
"""[mm] Pixels on which anatomy is checked: vertebrae and airways are still visible."""

# Values (hounsfield)

AIR_BAND_HU = (-1100, -700)
"""[HU] Air around the patient, in airways and in most of a lung."""
PADDING_SLICES = 12
"""[slices] Enough to list the values of padding."""
TISSUE_BAND_HU = (-200, 200)
"""[HU] Fat, water, muscle, blood and liver; contrast in part."""
LEAST_AIR = 0.005
"""[share of voxels] At least this part of a chest is in the air band."""
LEAST_TISSUE = 0.02
"""[share of voxels] At least this part is in the tissue band."""
MOST_DENSE = 0.10
"""[share of voxels] At most this part is dense bone, metal or contrast."""
MOST_BELOW_AIR = 0.02
"""[share of voxels] At most this part is below the noise floor and not padding."""
USUAL_OFFSETS_HU = (-1024, 1024, -1000, 1000, -2048, 2048)
"""[HU] Errors of an intercept: left out, or applied twice."""
CLEAR_AIR = 0.05
"""[share of voxels] A correction is certain only if the result has at least this much air."""
CLEAR_TISSUE = 0.08
"""[share of voxels] The same for soft tissue."""
AIR_TOLERANCE_HU = 60
"""[HU] Once the offset is corrected, the median of air is this near to -1000."""
AIR_MARGIN_HU = 15
"""[HU] Added to the tolerance where that median is measured."""
CLEARLY_NEARER_HU = 8
"""[HU] The better of two offsets brings air nearer to -1000 by this; 1000 and 1024 differ by 24."""
LEAST_FLOOR = 0.02
"""[share of air] Voxels at the lowest value where a scanner clipped; noise puts far fewer there."""
FLOOR_RISE_HU = 10
"""[HU] Range above a floor at -1024 in which air becomes more frequent; not so above one at -1000.
"""
RESCALE_JUMP_HU = 400
"""[HU] Only a wrong rescale moves both ends of a slice's values by this against the neighbour."""
RESCALE_AGREE_HU = 250
"""[HU] Both ends then move equally, within this tolerance."""
VALUE_ENDS = (2, 95)
"""[percentile] The ends of a slice's values: air, and dense soft tissue or bone."""
LEAST_PIXELS = 50
"""[pixels] A slice with fewer measured pixels is not compared."""
SPARSE_PIXELS = 128
"""[pixels] This many along the shorter side are enough for the ends."""

# Messages (slices)

MOST_LISTED = 5
"""[slices] A message lists at most this many slice numbers."""

# Clipping and overflow (clipping)

LEAST_SPIKE = 0.002
"""[share of voxels] A display window that clips leaves at least this many at the highest value."""
SPIKE_RATIO = 10
"""[times] They are this many times the mean count of the values just below."""
BELOW_SPIKE_HU = 20
"""[HU] Range of the values just below that are compared."""
MOST_OF = 0.5
"""[share] More than half of what is compared."""
TWELVE_BITS = 4096
"""[HU] Range of 12 bits, by which values wrap around."""
NEIGHBOUR_HU = 600
"""[HU] Neighbours within bone or metal differ by less."""
LEAST_WRAPPED = 20
"""[voxels] Fewer are noise."""
LEAST_RUN = 2
"""[pixels] A patch below air within matter is as wide and as high; single pixels are noise."""
MOST_EXAMINED = 20_000
"""[voxels] No more are compared with their neighbours."""
TWELVE_BIT_ENDS_HU = (1023, 2047, 3071, 3095)
"""[HU] Highest values of 12 bits: signed with the intercepts -1024 and 0, unsigned with -1024 and
-1000."""
NEAR_END_HU = 48
"""[HU] Values that were cut off there come as near as this."""
LAST_HU = 200
"""[HU] Range before the end in which voxels are counted, and compared with those of the range
before."""
GATHERED = 10
"""[times] The highest value has this many times the mean count where a scanner saturates."""
LEAST_EXPECTED = 8
"""[voxels] So many are expected above the end by how the counts fall; by chance none of 8 is seen
in 3 of 10,000 cases."""

# Peaks of air, fat and muscle (tissue_peaks)

PEAK_SLICES = 48
"""[slices] Enough for a histogram."""
PEAK_MM = 3.0
"""[mm] Means over such pixels have little noise left."""
AIR_SEEN_HU = (-1050, -940)
"""[HU] Values of air around the patient, or in the trachea alone."""
LEAST_AIR_SEEN = 0.002
"""[share of voxels] At least this many have such values."""
AIR_PEAK_HU = (-1400, -940)
"""[HU] Range in which the lowest peak is searched for."""
AIR_PEAK_WIDTH_HU = 25
"""[HU] Half the width of a peak of air."""
LEAST_AIR_PEAK = 0.03
"""[share of voxels] A peak of air has at least this many."""
LEAST_BODY_VOXELS = 20_000
"""[voxels] Half a litre at 3 mm; in fewer voxels peaks occur by chance."""
LEAST_MUSCLE_HU = 35
"""[HU] The peak of muscle is higher; a lower one that is above fat is shifted fat."""
PEAK_BIN_HU = 5
"""[HU] Width of a bin of the histogram."""
PEAK_RANGE_HU = 350
"""[HU] Peaks of soft tissue lie between minus and plus this."""
LEAST_PROMINENCE = 0.1
"""[share of the highest peak] A peak has at least this prominence."""
UNDER_FAT_HU = (-310, -150)
"""[HU] No body has a peak here."""
OVER_MUSCLE_HU = (120, 330)
"""[HU] A peak of contrast may be here beside those of fat and muscle, never instead of fat."""
RIM_RADIUS = 0.42
"""[share of the field] Farther from the centre there is no patient."""
CORE_RADIUS = 0.25
"""[share of the field] Nearer to the centre there is only patient."""
HIDDEN_SHARE = 0.01
"""[share of a coarse pixel] With more padding it is not used."""

# Blank and repeated slices (slices)

BLANK_PATIENT_HU = -500
"""[HU] Rows of the patient have pixels above."""
BLANK_PATIENT_SHARE = 0.1
"""[share of pixels] At least so many of them."""
LEAST_BLANK_ROWS = 1 / 32
"""[share of rows] A slice with this many blank last rows is incomplete."""
LEAST_VALUES = 64
"""[values] A slice with noise has more distinct values and is never repeated; drawings have fewer.
"""
MANY_REPEATED = 0.2
"""[share of slices] With more repeated slices the stack was resampled to thinner ones."""

# Slices that do not match their neighbours (slices)

CONTINUITY_MM = 6.0
"""[mm] Pixels on which slices are compared."""
CONTINUITY_HU = (-1000, 200)
"""[HU] Values are clipped to this: what separates air from tissue."""
ODD_RATIO = 1.25
"""[ratio] Distance of a slice to the nearer neighbour over the distance of the neighbours. Source:
0.81 at most in seven real series, whole and thinned to every twentieth slice; 1.7 to 33 for slices
of another place, flipped or 100 HU off."""
SWAPPED_RATIO = 0.85
"""[ratio] Path through four slices with the middle two exchanged over the path as it is. Source:
1.13 at least in the same series; 0.66 at most where two had been exchanged."""
JUMP_RATIO = 3.0
"""[ratio] Distance of two slices over that of the pairs beside them. Source: 1.3 at most in the
same series, 2.3 when thinned; 4.4 and more where the rest was mirrored or turned, 2.3 to 5 where a
tenth was lost."""
LEAST_JUMP_HU = 15.0
"""[HU] Smaller distances are noise."""
TURNED_RATIO = 0.9
"""[ratio] Distance of a slice to the mirrored or turned next one over that to the next as it is.
Source: 1.29 at least in twenty real series, 1.06 when thinned to 15 mm; 0.95 in 96 stacks of nearly
symmetric phantoms; 0.84 at most beside a real or synthetic slice that had been turned."""
WIDEST_STEP_MM = 15.0
"""[mm] Slices farther apart do not resemble their neighbours anyway."""
LEAST_SLICES = 6
"""[slices] Among fewer, resemblance is chance."""
LEAST_COARSE_PIXELS = 256
"""[pixels] In fewer at 6 mm, resemblance is chance."""
MANY_ODD = 0.25
"""[share of slices] With more, the order itself is wrong."""

# Field of view

ROUND_PIXELS = 1.0
"""[pixels] Root mean square distance of the rim from its circle, at most."""
LEAST_RIM = 20
"""[pixels] A circle with fewer rim pixels is not fitted."""
LEAST_OUTSIDE = 0.005
"""[share of pixels] Outside the circle, at least."""
SPARSE_STEP = 4
"""[pixels] Every how many rows and columns are examined for a second padding value."""
LEAST_FILLER_HU = -900
"""[HU] A lower filler around the circle stands for air."""

# Coverage

NO_LUNGS_SHARE = 0.01
"""[share of the imaged body] Less lung is none: bases in an abdomen, a speck in a neck."""
LITTLE_LUNG_SHARE = 0.04
"""[share of the imaged body] A chest has 15 to 50 % lung, a whole trunk about 8 %."""
MOST_LUNG_ML = 10_000
"""[ml] The largest healthy men have 8 to 9 l of air and tissue in fully inflated lungs."""
LEAST_WIDTH_MM = 190.0
"""[mm] From the right edge of an adult's lungs to the left there is more. Source: 228 to 320 in
nine whole real chests, 236 to 262 in six phantoms."""
LUNG_HEIGHT_MM = (130.0, 400.0)
"""[mm] From base to apex of an adult's lungs. Source: 207 to 311 in the same chests, 221 to 238 in
phantoms."""
MOST_WIDTH_OVER_DEPTH = 2.2
"""[ratio] Width of both lungs over their depth. Source: 1.2 to 1.6 in the same chests, 1.4 to 1.7
in phantoms."""
MISSING_LUNG = 0.05
"""[share of both lungs] A smaller lung is as good as missing."""
CUT_CM2 = 5.0
"""[cm²] With more lung on an end slice the chest is truncated; the tip of a recess is smaller."""
EDGE_ML = 1.0
"""[ml] Lung at the lateral edge of the field of view, from which the chest counts as truncated."""

# Fit of a mask

FIT_MM = 3.0
"""[mm] Voxels on which mask and volume are compared."""
FITS = 0.9
"""[share of the mask] Airy and within the body; 0.93 and more in references, less if dense."""
PARTLY_FITS = 0.8
"""[share of the mask] Less needs review."""
FITS_NOWHERE = 0.5
"""[share of the mask] Less is not on the lungs."""
IN_MASK = 0.25
"""[share of a coarse voxel] From here on a voxel belongs to the mask."""
MISSED_RADIUS_MM = 5.0
"""[mm] Thinner missed parts are rims, airways and folds of the bowel."""
MOST_MISSED_ML = 300.0
"""[ml] With more aerated tissue outside, a part of a lung is missing, or the mask is another's.
References of eight real chests leave 0 to 192 ml out, without one lung 658 ml and more."""
FLIP_GAIN = 0.1
"""[share of the mask] A flip that fits better by this is the reason."""
LUNG_CM2 = 60.0
"""[cm²] Airy parts within the body in a slice that shows lung; bowel is smaller."""
COVERED = 0.5
"""[share of slices with lung] A reference covers at least this many."""

# Orientation

COARSEST_MM = 12.0
"""[mm] Wider pixels show no anatomy."""
UPRIGHT_COSINE = 0.82
"""[cosine of 35 degrees] Stacks farther from head, back and left are not checked."""
LEAST_LUNG_ML = 100.0
"""[ml] Less lung shows no anatomy."""
LEAST_LEVELS = 4
"""[slices] Fewer slices with lung show no anatomy."""
SHORT_MM = 120.0
"""[mm] A shorter part of the lungs shows too little to be refused; lungs are 200 to 300 mm high."""
END_CM2 = 15.0
"""[cm²] With more lung on the first or last slice, that end of the lungs is not in the stack.
Source: 0 to 5 in whole real series, 31 and more where they are cut."""
MIDLINE_MM = 35.0
"""[mm] Half the width of the strip in which spine and breastbone are."""
CENTRE_GAP_MM = 10.0
"""[mm] Bone nearer to the centre of the lungs is neither before nor behind it."""
BONE_PERCENTILE = 20
"""[percentile over slices] The spine is in every slice; breastbone and contrast are in some."""
FRONT_CM2 = 2.0
"""[cm²] Bone in front of the lungs, from which the spine may be there. Source: 3.0 at most in parts
of real series, with 8 and more behind."""
FRONT_RATIO = 1.5
"""[times] This much more bone in front than behind is refused."""
SPINE_CM2 = 4.0
"""[cm²] With more bone behind, the spine is there, whatever contrast in the heart adds in front.
Source: 4.4 at least in all parts of the real series; 3.0 at most in front without contrast."""
LITTLE_FRONT_CM2 = 0.5
"""[cm²] Less bone in front is none."""
LITTLE_FRONT_RATIO = 4.0
"""[times] This much more of little bone in front than behind needs review."""
UPPER_LEVELS = (0.8, 0.97)
"""[share of the lungs' height] Where lungs are round."""
LOWER_LEVELS = (0.03, 0.2)
"""[share of the lungs' height] Where lungs are crescents around the diaphragm."""
TAPER = 1 / 1.4
"""[ratio] Roundness near the head over that near the foot; 1.2 to 4 in whole real series."""
LOW_TRACHEA = 0.3
"""[share of the lungs' height] The mean of the airways is higher: 0.72 to 0.76 in real series."""
LOWEST_TRACHEA = -0.2
"""[share of the lungs' height] A gas that lies lower is in the bowel: an upside-down trachea is at
0.24 to 0.28, a little lower with the neck."""
HIGH_TRACHEA = 0.4
"""[share of the lungs' height] Airways that are higher show that head is up, whatever the taper."""
LEAST_AIRWAY_ML = 5.0
"""[ml] Less airway has no height."""
MUCH_LUNG = 0.5
"""[share of the largest area] A slice with so much lung is not an end of the lungs."""
BESIDE_LUNG = 0.15
"""[share of the airways] At least this much of trachea and bronchi is in such slices. Source: 0.29
in upside-down parts of five real chests, 0.32 in those of eight phantoms; gas in the bowel 0."""
SIDEWAYS_RATIO = 0.9
"""[width over depth] Real chests have 1.1 to 1.7; turned by 90 degrees 0.6 to 0.8."""
SIDE_CUT = 1 / 3
"""[share of slices] If the field of view cuts the sides in more, the width is not known."""
ONE_SIDED = 0.15
"""[share of the lungs] With less on one side of the spine, half of the chest is missing."""
BELLY_LEVELS = (0.0, 0.25)
"""[share of the lungs' height] Liver on the right; stomach, bowel, gas and fat on the left."""
HEART_LEVELS = (0.35, 0.55)
"""[share of the lungs' height] The heart, above the dome of the liver."""
GAS_AND_FAT = 0.06
"""[share] One unit of the score: gas and fat left minus right. Source: 0.03 to 0.46 with the bases.
"""
MOST_GAS_AND_FAT = 4.0
"""[units] No more than this from gas and fat."""
HEART_MM = 10.0
"""[mm] One unit of the score: centre of the heart left of the spine. Source: 5.5 to 28 in whole
real series; -9 beside a tumour."""
AORTA_MM2 = 150.0
"""[mm²] One unit of the score: soft tissue beside the spine, left less right (the descending
aorta), median over slices.
Source: 5 to 440 in whole real series; -50 to -160 beside disease of the right lung."""
MOST_AORTA = 2.0
"""[units] No more than this from the aorta."""
AORTA_ALONE_MM2 = 380.0
"""[mm²] Where neither belly nor heart are shown, the aorta must be as far as this on the wrong
side. Source: -293 at worst in parts of real series."""
LEAST_AORTA_SLICES = 6
"""[slices] That show spine, for the aorta to be compared."""
MIRRORED_SCORE = -1.0
"""[units] A lower score needs review. Source: 0.5 and more in all real series and their parts."""
SPINE_SEARCH_MM = 50.0
"""[mm] The spine is searched for within this distance of the middle of the lungs."""
VERTEBRA_MM2 = 150.0
"""[mm²] A slice with less bone shows no vertebra."""
VERTEBRA_WIDTH_MM = 12.0
"""[mm] The front of a vertebra is the first row with so much bone."""
AORTA_REACH_MM = (6.0, 40.0)
"""[mm] Where the aorta is beside the middle of the spine."""
AORTA_DEPTH_MM = (25.0, 10.0)
"""[mm] And in front of, and behind, the front of the vertebra."""
SKIN_AND_RIBS_MM = 25.0
"""[mm] This deep in the body there are neither skin fat nor ribs."""
LUNG_MARGIN_MM = 6.0
"""[mm] Nearer to the lungs there is partial volume."""
BELLY_BACK_MM = 40.0
"""[mm] Farther behind the lungs' centre there are muscles of the back."""
BESIDE_SPINE_MM = 15.0
"""[mm] Nearer to the spine there are vessels and crura."""
LEAST_BELLY_ML = 50.0
"""[ml] Less on either side shows no belly."""
HEART_BACK_MM = 15.0
"""[mm] Farther behind the lungs' centre there are spine and aorta."""
LEAST_HEART_ML = 20.0
"""[ml] Less between the lungs is no heart."""

# Masks of lungs

ASYMMETRY = 0.5
"""[ratio] Volume of the smaller lung over the larger. A left lung has about 0.85 of the right; less
than half is disease, surgery, or lung that was missed."""
LEAST_SIDE_ML = 50.0
"""[ml] A smaller part of a lung is not compared."""
SIDE_TOLERANCE_MM = 5.0
"""[mm] The centre of a lung may be this far beyond the spine (scoliosis, a rotated patient)."""
DIP = 0.4
"""[share] A slice with less lung than this part of both slices beside it lacks lung."""
LEAST_DIP_CM2 = 20.0
"""[cm²] Slices beside it have at least so much lung."""
