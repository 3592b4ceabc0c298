# Writes FILE as a C array: const unsigned char NAME_bytes[], const unsigned long NAME_size.
file(READ ${FILE} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE ${OUT} "extern const unsigned char ${NAME}_bytes[];\nextern const unsigned long ${NAME}_size;\n
const unsigned char ${NAME}_bytes[] = {${bytes}0};\nconst unsigned long ${NAME}_size = ${size};\n")
