internal import Synchronization

extension Journal {
    /// Writes and syncs everything appended so far; only the committer calls this.
    ///
    /// - Returns: `durable`, which now covers all that was appended before the call.
    /// - Throws: what the disk refused. The journal has failed: `append` returns nil and `commit` throws
    ///   the same error until `restart`.
    @discardableResult
    package func commit() throws(DiskError) -> UInt64 {
        try back.withLock { back throws(DiskError) in
            try commit(&back)
            return durable
        }
    }

    /// Sleeps until there is something to commit; only the committer calls this.
    ///
    /// - Returns: true if there are appended records, or the journal has failed; false if there are none
    ///   and `stopWaiting` was called, or `wakeCommitter` since the last return.
    package func waitForAppend() -> Bool {
        while true {
            let answer = front.withLock { front -> Bool? in
                if case .failed = front.state { return true }
                if front.active.count > 0 { return true }
                if front.isStopping || front.isCommitterCalled {
                    front.isCommitterCalled = false
                    return false
                }
                front.isCommitterAsleep = true
                return nil
            }
            if let answer { return answer }
            sleeper.sleep()
        }
    }

    /// Makes `waitForAppend` return once although there is nothing to commit.
    package func wakeCommitter() {
        let isCommitterAsleep = front.withLock { front in
            front.isCommitterCalled = true
            defer { front.isCommitterAsleep = false }
            return front.isCommitterAsleep
        }
        if isCommitterAsleep { sleeper.wake() }
    }

    /// Makes `waitForAppend` return false from now on when there is nothing left to commit.
    package func stopWaiting() {
        let isCommitterAsleep = front.withLock { front in
            front.isStopping = true
            defer { front.isCommitterAsleep = false }
            return front.isCommitterAsleep
        }
        if isCommitterAsleep { sleeper.wake() }
    }

    /// After a failed commit: gives up everything above `durable` and goes on in a new file, whose header
    /// says that the old one ends there.
    ///
    /// Afterwards `appended` is `durable`. The caller rebuilds what it has derived from records above it,
    /// with `replay`, before it appends again. Does nothing if the journal has not failed.
    ///
    /// - Throws: what the disk refused; the journal is still failed, and it can be tried again.
    package func restart() throws(DiskError) {
        try back.withLock { back throws(DiskError) in
            guard failure != nil else { return }
            let fileID = back.writer.nextFileID
            let start = durable
            try back.writer.begin(fileID: fileID, at: start, .givenUp)
            back.nextFileID = nil
            front.withLock { front in
                front.active.removeAll()
                front.fileID = fileID
                front.chain = JournalChain()
                front.appended = start
                appendedPosition.store(start, ordering: .releasing)
                front.state = .open
            }
        }
    }

    /// Commits, and marks the end, so that the next opening knows that nothing is torn. Nothing can be
    /// appended afterwards. Does nothing the second time.
    ///
    /// - Throws: what the disk refused; the journal has failed, and all below `durable` is safe.
    package func finish() throws(DiskError) {
        try back.withLock { back throws(DiskError) in
            let isFirst = try front.withLock { front throws(DiskError) in
                switch front.state {
                case .failed(let error): throw error
                case .finished: return false
                case .open: front.state = .finished
                }
                return true
            }
            guard isFirst else { return }
            try commit(&back)
            do throws(DiskError) {
                try beginNextFile(&back)
                let end = front.withLock { front in
                    let mark = JournalMark(
                        durable: front.appended,
                        recordCount: front.chain.recordCount,
                        chain: front.chain.checksum
                    )
                    back.spare.append(
                        mark,
                        kind: JournalFormat.finishKind,
                        position: front.appended,
                        fileID: front.fileID
                    )
                    front.appended += UInt64(JournalFormat.markBytes)
                    appendedPosition.store(front.appended, ordering: .releasing)
                    return front.appended
                }
                try back.writer.write(back.spare)
                back.spare.removeAll()
                durablePosition.store(end, ordering: .releasing)
            } catch {
                fail(error, &back)
                throw error
            }
        }
    }

    // MARK: -

    private func commit(_ back: inout Back) throws(DiskError) {
        let isEmpty = try front.withLock { front throws(DiskError) in
            if case .failed(let error) = front.state { throw error }
            return front.active.count == 0
        }
        if isEmpty { return }
        do throws(DiskError) {
            try beginNextFile(&back)
            let end = takeGroup(&back)
            try back.writer.write(back.spare)
            back.spare.removeAll()
            durablePosition.store(end, ordering: .releasing)
        } catch {
            fail(error, &back)
            throw error
        }
    }

    /// Begins the file for which the active buffer's records are made, if the one before it was full.
    private func beginNextFile(_ back: inout Back) throws(DiskError) {
        guard let fileID = back.nextFileID else { return }
        try back.writer.begin(fileID: fileID, at: durable, .rotated)
        back.nextFileID = nil
    }

    /// Puts a mark behind the appended records and exchanges the buffers; returns the mark's end.
    private func takeGroup(_ back: inout Back) -> UInt64 {
        let durable = durable
        let fileBytes = back.writer.fileBytes
        let nextFileID = back.writer.nextFileID
        let spare = back.spare
        let (group, end, isLastOfFile) = front.withLock { front in
            let group = front.active
            let mark = JournalMark(
                durable: durable,
                recordCount: front.chain.recordCount,
                chain: front.chain.checksum
            )
            group.append(
                mark,
                kind: JournalFormat.commitKind,
                position: front.appended,
                fileID: front.fileID
            )
            front.appended += UInt64(JournalFormat.markBytes)
            appendedPosition.store(front.appended, ordering: .releasing)
            front.active = spare
            let isLastOfFile = fileBytes + group.count >= options.fileBytesMax
            if isLastOfFile {
                front.fileID = nextFileID
                front.chain = JournalChain()
            }
            return (group, front.appended, isLastOfFile)
        }
        back.spare = group
        back.nextFileID = isLastOfFile ? nextFileID : nil
        return end
    }

    private func fail(_ error: DiskError, _ back: inout Back) {
        back.spare.removeAll()
        front.withLock { front in front.state = .failed(error) }
    }
}
