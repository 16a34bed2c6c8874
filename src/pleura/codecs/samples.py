"""A small frame in each compressed transfer syntax, to test whether it can be decoded.

Made with imagecodecs 2026.3.6 (RLE by hand) from `SAMPLE`; lossy frames decode to slightly other
values.
"""

from base64 import b85decode

import numpy as np

SAMPLE = np.arange(0, 64 * 61, 61, dtype=np.uint16).reshape(8, 8)
FRAMES = {
    "1.2.840.10008.1.2.5": (
        "0ssI2KmY&$hyVZp000000000000000000000000000000000000000000000000000000000000000002LJ#7000"
        "320S5sB0s;a90|N&G1Ox;G1qB5M1qB8M1_lQQ2L}fT2nYxX2?q%Y3JMAe3JV7d3kwVk3=9ni4Gj$r4h{|v2LL^Kx"
        "AZY?s|V;MVxQa@R+9(N4N8Z^0X};Nxb-q`tm!6W2cX>=SCr8XO9zO>0zZ7Y_A>`?t?DOaq23z@Se4QbOo_$="
    ),
    "1.2.840.10008.1.2.4.70": (
        "|JeV;02crO0RaI30000000000000082?h}V!vG5q00;mG0RRyI|Jncu0RR97008ao_j|qG?{~MM==6F$9*;+*=z2"
        "XKk4K}?>3SZIN2Af`^m<;0qtWQ}dOaSOq3HB_JsyuorRaJ+9*;+((dl{~k4K}?==6F3|Je"
    ),
    "1.2.840.10008.1.2.4.51": (
        "|JeWF01!$>Nk#wx0RR9200961|JwjV00IF40RaI50RaI50s;a81OoyB0s;jD1Oo&H1qKEN1qKEN2MGuU2MGrT1_%"
        "oX2?`1d3JL}Y3k(Yi3<(Mf3je_X3k(1V00;pA5di<h02BZL00000000000000000009|HJ?s5C8xM0{{R3000000"
        "0000000XPDmF+|WOD!700;pA002J#0ZXS&p+Q)?ja@m_AOG0"
    ),
    "1.2.840.10008.1.2.4.80": (
        "|JeWN03cIPNk&Eh0ssI300008000083J?YX0003j0003j|L6b+00001|JeWc01FTR2mlBH0TBTI_y7$7|Nj6I07C"
        "&306_oR00;pA00000qs)1aG2V5LG2iG%sPQ{amn(#N`WEYDs?lb$M~|Ii;NINY*qy#+wx*Vbc4X=Dva&I;Ft9FPB"
        "Kq>`;@Z;T@vN+@EGw%m!2j6"
    ),
    "1.2.840.10008.1.2.4.81": (
        "|JeWN03cIPNk&Eh0ssI300008000083J?YX0003j0003j|L6b+00001|JeWc01FTR2mlBH0TBTI_y7$7|Nj6O08I"
        "fR06_oR00;pA00IC2qVaglysTzli5Qretzxueg<7?3G}2><mYHdm6C5lu!wfF4!n*6OyOtPS=QYh%U~5{|u~`4v"
    ),
    "1.2.840.10008.1.2.4.90": (
        "|4;u>04V?f0000800008000000000000008000080000000000009pH0sm3}3;+NC0RR951ONg5TmS?>fd6CwB>("
        "|Ka%Ew3Wn>^?c_2@4Wo}APMMofZWpZ<AZ*CwmE;TMR|BwI*000000Du4i|C8VNlW-C%XBLl-p@J9|Q5!%wj{JIBQ"
        "ghVJxw|#jB0v-`pcV&wmQ_hHQkzf=@epqtQAK4}h>`JpQZgiE;fH1@hc$#G=Oz$h>$9_}-P(*6C_GjR7Pb;0xNlZ"
        "B5#huc?vt(cw7RyJhYg0qVX)Y1|Je"
    ),
    "1.2.840.10008.1.2.4.91": (
        "|4;u>04V?f0000800008000000000000008000080000000000009pH0sm3}4FLiG0RR951ONbt|6BkCLVy7OWB?"
        "@q0Yh?SVRU6=AYyqSPjF>!N>D{dAa-SPb7^mGATlmBE;Rp;015yA0001Z00IA#-}qB75-VpGkB^~(7#2|*Ksb*4d"
        "RkI*)XllOHP<3Q6fd9_2Yi-QNikBJPz>=9ZyQlXWmkxi@qAJ;BxT`;W+;a>ge2!C5Mt}Iv#Q<Nj20+7Rtpxk5+S&"
        "6RyPsh#2N0Bt@X6JwwM3e"
    ),
    "1.2.840.10008.1.2.4.201": (
        "|4;u>04YEK0000800008000000000000008000080000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0sm"
        "Y86Cj9?kdTm&kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00000S^xq6lfVEbHTDGubN~PVz"
        "yK3K022Tz{sISd0A%q4hjakI024p}6Mzs90fKY@k|>D)!&Csk04g8=6<|1y<En6ibpXygckcYaLILcy0RPz"
    ),
}

FRAMES["1.2.840.10008.1.2.4.57"] = FRAMES["1.2.840.10008.1.2.4.70"]  # the usual kind of it
# the same stream, in another order or lossy
for other in ("1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"):
    FRAMES[other] = FRAMES["1.2.840.10008.1.2.4.201"]


def sample(syntax: str) -> bytes:
    """`SAMPLE` as a frame of a compressed transfer syntax."""
    return b85decode(FRAMES[syntax])
