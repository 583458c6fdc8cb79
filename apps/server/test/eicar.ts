/** EICAR's test string, which every scanner knows and which harms nothing. In two parts, so that this file is no find. */
export const EICAR = `X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-${'STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'}`
