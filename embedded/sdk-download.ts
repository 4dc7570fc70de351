// Child process of the download: lets the SDK fetch the release into a folder, by starting it once.
import { TestWorkflowEnvironment } from '@temporalio/testing'

const [downloadDir, version] = process.argv.slice(2)
if (downloadDir === undefined || version === undefined) {
  throw new Error('Give a folder and a version.')
}
try {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: {
      // The SDK deletes older files than its ttl; the caller moves this one away.
      executable: { type: 'cached-download', downloadDir, version: `v${version}`, ttl: '1 day' },
    },
  })
  await environment.teardown()
} catch (error) {
  // The message repeats itself on the way up; its end says what happened.
  const message = error instanceof Error ? error.message : String(error)
  process.send?.(message.split(': ').slice(-2).join(': '))
  process.exitCode = 1
} finally {
  process.disconnect()
}
