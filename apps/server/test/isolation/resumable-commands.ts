import { addVersion, contents, newAsset } from './asset-commands.ts'
import { allowed, type Chooser, type Commands, type Expected, type Input, near, refused } from './command.ts'
import { type Actor, type Caller, type Model, ownWork, presentMaker, recognise, type Upload } from './model.ts'
import { mayMake, newUpload, reaches, saidOfAsset, visibilityOf } from './upload-commands.ts'

/** Uploads by tus: the service itself takes their bytes, and makes of them what their maker may make by then. */
export const resumableCommands = {
  'resumable.create': {
    input: (chooser, model, caller) => {
      const content = chooser.pick(contents)
      return {
        name: 'note.txt',
        sizeBytes: content.length,
        content,
        ...saidOfAsset(chooser, model, caller),
        ...(chooser.once(3) && { sendsBytes: chooser.pick([0, 2, content.length]) }),
      }
    },
    expect: (model, actor, input) => {
      const answer = mayMake(model, actor, input)
      if (answer !== 'allowed') return refused(answer)
      const { content, sendsBytes = 0, ...fields } = input as Input & { content: string; sendsBytes?: number }
      const upload = newUpload('', actor, 'resumable', fields, content)
      const arrived = arrive(model, upload, sendsBytes)
      return allowed({
        shows: (body) => {
          const { got, wanted } = arrived.shows?.(body) ?? {}
          const { state, strategy, receivedBytes } = body
          return {
            got: [got, state, strategy, receivedBytes],
            wanted: [wanted, sendsBytes === content.length ? 'done' : 'open', 'resumable', sendsBytes],
          }
        },
        after: (body) => {
          model.uploads.set(body.id, Object.assign(upload, { id: body.id }))
          arrived.after?.(body)
        },
      })
    },
  },
  'resumable.append': {
    input: (chooser, model, caller) => {
      const uploadId = chooser.id('upl', someUploads(chooser, model, caller))
      const { content, receivedBytes } = model.uploads.get(uploadId) ?? { content: 'nobody waits\n', receivedBytes: 0 }
      const offset = chooser.once(8) ? chooser.pick([0, 3]) : receivedBytes
      const rest = Math.max(0, content.length - offset)
      return { uploadId, content, offset, sendsBytes: chooser.once(3) ? Math.floor(rest / 2) : rest }
    },
    expect: (model, actor, { uploadId, offset, sendsBytes }) => {
      const upload = model.uploads.get(uploadId as string)
      if (!upload || !reaches(actor, upload) || upload.strategy !== 'resumable') return refused('notThere')
      if (upload.refusal) return refusedBefore(upload.refusal)
      if (upload.state !== 'open' || offset !== upload.receivedBytes) return refused('conflict')
      return arrive(model, upload, sendsBytes as number)
    },
  },
} satisfies Commands

/** Why a file was refused is told again to who asks, which is no new event. */
function refusedBefore(answer: Upload['refusal'] & string): Expected {
  return { answer, isSilent: true }
}

/** Mostly those that take bytes, and often the caller's to send to. */
function someUploads(chooser: Chooser, model: Model, caller: Caller): string[] {
  if (chooser.once(4)) return near(chooser, model, caller, model.uploads)
  const taking = [...model.uploads.values()].filter(
    ({ strategy, state }) => strategy === 'resumable' && state === 'open',
  )
  const actor = recognise(model, caller, undefined)
  const own = typeof actor === 'string' ? [] : taking.filter((upload) => reaches(actor, upload))
  if (own.length > 0 && chooser.once(2)) return own.map(({ id }) => id)
  return near(chooser, model, caller, new Map(taking.map((upload) => [upload.id, upload])))
}

/** Bytes are a part of the upload and no event of their own; with the last of them the upload ends. */
function arrive(model: Model, upload: Upload, bytes: number): Expected {
  const offset = upload.receivedBytes + bytes
  if (offset === upload.content.length) return end(model, upload)
  return allowed({
    isSilent: true,
    shows: (body) => ({ got: [body.offset, body.assetId ?? null], wanted: [offset, null] }),
    after: () => {
      upload.receivedBytes = offset
    },
  })
}

/** What the maker may do at that moment decides, whoever sent the last byte. */
function end(model: Model, upload: Upload): Expected {
  const maker = presentMaker(model, upload)
  const answer = maker ? mayMake(model, maker, upload.fields) : 'unauthenticated'
  const assetId = upload.fields['assetId'] as string | undefined
  const record = (subject: string) =>
    model.trails
      .get(upload.organizationId)
      ?.push(ownWork(assetId === undefined ? 'assets.create' : 'versions.create', subject))
  const received = () => Object.assign(upload, { receivedBytes: upload.content.length })
  if (!maker || answer !== 'allowed')
    return {
      answer,
      isSilent: true,
      after: () => {
        Object.assign(received(), { state: 'failed', refusal: answer })
        // Somebody who is not recognised any more leaves no trace.
        if (maker) record(assetId ?? '')
      },
    }
  return allowed({
    isSilent: true,
    shows: (body) => ({
      got: [body.offset, assetId === undefined ? typeof body.assetId : body.assetId],
      wanted: [upload.content.length, assetId ?? 'string'],
    }),
    after: (body) => {
      Object.assign(received(), { state: 'done', assetId: body.assetId })
      record(body.assetId)
      make(model, maker, upload)
    },
  })
}

function make(model: Model, maker: Actor, { fields, content, assetId }: Upload): void {
  const id = assetId as string
  const existing = model.assets.get(id)
  if (existing) {
    addVersion(existing, content)
    return
  }
  const assetType = (fields['assetType'] ?? 'document_upload') as string
  const ownerId = maker.isPlatform ? null : maker.id
  const visibility = visibilityOf(model, maker, fields)
  model.assets.set(id, newAsset(id, maker, { ownerId, visibility, assetType }, { content }))
}
