package import Meter
internal import Synchronization

/// A disk in memory that may forget whatever no sync has covered, and fail where it is told to.
///
/// The fault model, from which a correct engine must recover:
///
/// - A power cut keeps, of each file by itself, nothing, all, a prefix or any sectors of the bytes that no
///   sync has covered, and may keep the size without the bytes. Of the names it keeps any subset of the
///   changes since the last sync of the directory, a rename in one piece.
/// - A failed sync marks pages clean and loses them: reads show them until a crash or `dropCaches`, a
///   later sync succeeds without writing them. Or it fails although everything was written.
/// - A failed append leaves any part of the bytes. A full disk takes what has room and refuses the rest.
/// - Bytes rot, writes land elsewhere, files are cut, replaced or gone: `edit`, `remove`.
///
/// The same calls lead to the same state; all chance comes from the `Choices` handed to `crash`.
package final class SimulatedDisk: Disk {
    struct State: Sendable {
        var disk: DiskState
        var faults: [DiskFault] = []
        var unreadable: [String: [Range<Int>]] = [:]
        var capacity: Int?
        /// Counts crashes: files that were open before are useless after.
        var generation = 0
        var callCount = 0
        var changeCount = 0
        var isRecording = false
        var recorded: [DiskState] = []
    }

    private let state: Mutex<State>

    package init(_ image: DiskImage = DiskImage()) {
        state = Mutex(State(disk: DiskState(image)))
    }

    func withState<Result: Sendable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try state.withLock { (state) throws(Failure) in try body(&state) }
    }

    // MARK: - The test's side

    /// Calls of every kind so far, failed ones included.
    package var callCount: Int { withState { $0.callCount } }

    /// Calls so far that changed something.
    package var changeCount: Int { withState { $0.changeCount } }

    /// Bytes that all files may have together; nil for no limit.
    package var capacity: Int? {
        get { withState { $0.capacity } }
        set { withState { $0.capacity = newValue } }
    }

    /// Cuts the power. Files that are open are useless afterwards.
    package func crash(_ policy: CrashPolicy, using choices: inout some Choices) {
        let image = withState { $0.disk }.crashed(policy, &choices)
        withState { state in
            state.disk = DiskState(image)
            state.generation += 1
        }
    }

    /// Cuts the power, with nothing left to chance.
    package func crash(_ policy: CrashPolicy = .nothingKept) {
        var seed = Seed(0)
        crash(policy, using: &seed)
    }

    /// Forgets clean pages, as memory pressure does: reads show the platter.
    package func dropCaches() { withState { $0.disk.dropCaches() } }

    /// What reads show now, of every file.
    package var image: DiskImage {
        withState { state in
            DiskImage(files: state.disk.names.compactMapValues { state.disk.nodes[$0]?.cached })
        }
    }

    /// What is left if the power is cut now and nothing unsynced is kept; this disk goes on.
    package var imageAfterPowerCut: DiskImage {
        var seed = Seed(0)
        return withState { $0.disk }.crashed(.nothingKept, &seed)
    }

    // MARK: - Disk

    package func list() throws(DiskError) -> [String] {
        try withState { state throws(DiskError) in
            try state.call(.list, "")
            return state.disk.names.keys.sorted()
        }
    }

    package func create(_ name: String) throws(DiskError) -> any DiskFile {
        let (node, generation) = try withState { state throws(DiskError) in
            let fault = try state.begin(.create, name)
            guard state.disk.names[name] == nil else {
                throw DiskError(.create, file: name, .exists)
            }
            let node = state.disk.make(name)
            try state.changed(.create, name, fault)
            return (node, state.generation)
        }
        return SimulatedFile(disk: self, name: name, node: node, generation: generation)
    }

    package func open(_ name: String) throws(DiskError) -> any DiskFile {
        let (node, generation) = try withState { state throws(DiskError) in
            try state.call(.open, name)
            guard let node = state.disk.names[name] else {
                throw DiskError(.open, file: name, .notFound)
            }
            return (node, state.generation)
        }
        return SimulatedFile(disk: self, name: name, node: node, generation: generation)
    }

    package func rename(_ name: String, to newName: String) throws(DiskError) {
        try withState { state throws(DiskError) in
            let fault = try state.begin(.rename, name)
            guard let node = state.disk.names[name] else {
                throw DiskError(.rename, file: name, .notFound)
            }
            state.disk.change(.renamed(name, to: newName, node: node))
            try state.changed(.rename, name, fault)
        }
    }

    package func remove(_ name: String) throws(DiskError) {
        try withState { state throws(DiskError) in
            let fault = try state.begin(.remove, name)
            guard state.disk.names[name] != nil else {
                throw DiskError(.remove, file: name, .notFound)
            }
            state.disk.change(.removed(name))
            try state.changed(.remove, name, fault)
        }
    }

    package func syncDirectory() throws(DiskError) {
        try withState { state throws(DiskError) in
            let fault = state.fault(for: .syncDirectory)
            if let fault, !fault.takesEffect {
                state.disk.loseUnsyncedNames()
            } else {
                state.disk.syncNames()
            }
            try state.changed(.syncDirectory, "", fault)
        }
    }
}

extension SimulatedDisk.State {
    /// Counts a call that changes nothing, and fails it if it is to fail.
    mutating func call(_ operation: DiskError.Operation, _ name: String) throws(DiskError) {
        if let fault = fault(for: operation) {
            throw DiskError(operation, file: name, fault.reason)
        }
    }

    /// Counts a call that may change something; returns the fault to throw after its work is done.
    mutating func begin(
        _ operation: DiskError.Operation,
        _ name: String
    ) throws(DiskError) -> DiskFault? {
        let fault = fault(for: operation)
        if let fault, !fault.takesEffect { throw DiskError(operation, file: name, fault.reason) }
        return fault
    }

    /// Counts and records a change, then throws the fault that goes with it.
    mutating func changed(
        _ operation: DiskError.Operation,
        _ name: String,
        _ fault: DiskFault?
    ) throws(DiskError) {
        changeCount += 1
        if isRecording { recorded.append(disk) }
        if let fault { throw DiskError(operation, file: name, fault.reason) }
    }

    mutating func fault(for operation: DiskError.Operation) -> DiskFault? {
        callCount += 1
        var hit: DiskFault?
        for index in faults.indices.reversed()
        where faults[index].operation == nil || faults[index].operation == operation {
            if faults[index].after > 0 {
                faults[index].after -= 1
            } else {
                hit = faults[index]
                if !faults[index].isSticky { faults.remove(at: index) }
            }
        }
        return hit
    }
}

/// A file of a simulated disk, by its node: a name that changes does not touch it.
final class SimulatedFile: DiskFile {
    let name: String
    private let disk: SimulatedDisk
    private let node: Int
    private let generation: Int

    init(disk: SimulatedDisk, name: String, node: Int, generation: Int) {
        self.disk = disk
        self.name = name
        self.node = node
        self.generation = generation
    }

    func byteCount() throws(DiskError) -> Int {
        try disk.withState { state throws(DiskError) in
            try requireOpen(state, .read)
            try state.call(.read, name)
            return state.disk.nodes[node]?.cached.count ?? 0
        }
    }

    func append(_ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        let bytes = unsafe Array(bytes)
        try disk.withState { state throws(DiskError) in
            try requireOpen(state, .append)
            var fault = state.fault(for: .append)
            var count = bytes.count
            if let fault, !fault.takesEffect { count /= 2 }
            if let capacity = state.capacity, state.disk.byteCount + count > capacity {
                count = max(0, capacity - state.disk.byteCount)
                fault = DiskFault(.append, reason: .noSpace)
            }
            state.disk.append(Array(bytes[..<count]), to: node)
            try state.changed(.append, name, fault)
        }
    }

    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(DiskError) -> Int {
        let (bytes, start) = try disk.withState { state throws(DiskError) in
            try requireOpen(state, .read)
            try state.call(.read, name)
            let bytes = state.disk.nodes[node]?.cached ?? []
            let wanted = offset..<(offset + target.count)
            let refused = state.unreadable.contains { name, ranges in
                state.disk.names[name] == node && ranges.contains { $0.overlaps(wanted) }
            }
            if refused { throw DiskError(.read, file: name, .system(errno: 5)) }
            return (bytes, min(offset, bytes.count))
        }
        let count = min(target.count, bytes.count - start)
        unsafe target.copyBytes(from: bytes[start..<(start + count)])
        return count
    }

    func sync() throws(DiskError) {
        try disk.withState { state throws(DiskError) in
            try requireOpen(state, .sync)
            let fault = state.fault(for: .sync)
            if let fault, !fault.takesEffect {
                state.disk.loseUnsynced(node)
            } else {
                state.disk.sync(node)
            }
            try state.changed(.sync, name, fault)
        }
    }

    private func requireOpen(
        _ state: SimulatedDisk.State,
        _ operation: DiskError.Operation
    ) throws(DiskError) {
        if state.generation != generation {
            throw DiskError(operation, file: name, .system(errno: 9))
        }
    }
}
