// Seals channel secrets before they are stored (AES-256-GCM), so that a copy of the database gives none away.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

export interface SecretBox {
  seal(plain: string): string
  /** @throws Error when the key is another one than at sealing, or the text was changed. */
  open(sealed: string): string
}

const nonceBytes = 12
const tagBytes = 16

/** @param key 32 bytes. */
export function createSecretBox(key: Buffer): SecretBox {
  if (key.length !== 32) throw new Error('LFM_SECRET_KEY must be 32 bytes.')
  return {
    seal(plain) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return `v1.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')}`
    },
    open(sealed) {
      const bytes = Buffer.from(sealed.replace(/^v1\./, ''), 'base64')
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes))
        decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
        return (
          decipher.update(bytes.subarray(nonceBytes + tagBytes)).toString('utf8') +
          decipher.final('utf8')
        )
      } catch (error) {
        throw new Error(
          'A channel secret could not be opened: LFM_SECRET_KEY is not the key it was sealed with. Start with that key, or set the channel secret again.',
          { cause: error },
        )
      }
    },
  }
}
