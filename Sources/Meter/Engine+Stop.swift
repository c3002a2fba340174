extension Engine {
    /// Makes ``waitForAppend()`` return false once there is nothing left to commit.
    package func stopWaiting() { journal.stopWaiting() }

    /// Commits, and marks the journal's end, so that the next opening knows that nothing is torn. Nothing
    /// can be appended afterwards; does nothing the second time.
    ///
    /// - Throws: `DiskError`; everything below the durable position is safe.
    package func finish() throws(DiskError) { try journal.finish() }
}
