import { expect, test } from 'vitest'
import { runBigFile } from '../../../../scripts/campaigns/big-file.ts'
import { roads } from '../../../../scripts/campaigns/big-file-roads.ts'
import { addressOf } from '../real-services.ts'

const MIB = 512
/** A store as fast as memory lets up to 190 MiB of buffers wait for the garbage collector, whatever the file's size. */
const ALLOWED_GROWTH_MIB = MIB / 2

test.skipIf(!addressOf('s3')).each(Object.keys(roads) as (keyof typeof roads)[])(
  'a big file that goes by %s to an S3 store comes back byte for byte, in memory that does not grow with it',
  { timeout: 180_000 },
  async (road) => {
    const figures = await runBigFile(MIB, road, 's3')
    expect(figures).toMatchObject({ mib: MIB, road, sameHash: true, rangesRight: true })
    expect(figures.peakGrowthMib).toBeLessThan(ALLOWED_GROWTH_MIB)
  },
)
