/// What the files of a disk hold after a power cut: names and bytes, nothing pending.
package struct DiskImage: Hashable, Sendable {
    package var files: [String: [UInt8]]

    package init(files: [String: [UInt8]] = [:]) { self.files = files }
}

/// The simulated disk as a value: what a reader sees, and what the platter has.
///
/// ```
///   node.cached  ┌───────────────┬───────────┬───────────┐   what reads show (page cache)
///                │    durable    │   lost    │  pending  │
///   node.platter └───────────────┴╌╌╌╌╌╌╌╌╌╌╌┴╌╌╌╌╌╌╌╌╌╌╌┘   what a power cut leaves at least
///                                ▲           ▲
///                                │           └─ clean: pages before it are not written again
///                                └─ a sync of these failed: clean in memory, never on the platter
/// ```
struct DiskState: Sendable {
    struct Node: Sendable {
        var cached: [UInt8] = []
        var platter: [UInt8] = []
        /// Pages before this offset are clean: on the platter, or lost.
        var clean = 0
        /// What reads show here is not on the platter and never will be.
        var lost: [Range<Int>] = []

        /// The cached bytes as a sync or a crash that keeps everything would leave them.
        var written: [UInt8] {
            var bytes = cached
            for range in lost { for index in range { bytes[index] = 0 } }
            return bytes
        }
    }

    enum NameChange: Sendable {
        case made(String, node: Int)
        case renamed(String, to: String, node: Int)
        case removed(String)
    }

    var nodes: [Int: Node] = [:]
    var nextNode = 0
    /// As `list` shows them.
    var names: [String: Int] = [:]
    /// As the platter has them.
    var durableNames: [String: Int] = [:]
    /// Since the last sync of the directory, in order.
    var pendingNames: [NameChange] = []

    init(_ image: DiskImage) {
        for name in image.files.keys.sorted() {
            let bytes = image.files[name] ?? []
            nodes[nextNode] = Node(cached: bytes, platter: bytes, clean: bytes.count)
            names[name] = nextNode
            nextNode += 1
        }
        durableNames = names
    }

    var byteCount: Int { names.values.reduce(0) { $0 + (nodes[$1]?.cached.count ?? 0) } }

    // MARK: - Changes

    mutating func make(_ name: String) -> Int {
        let node = nextNode
        nextNode += 1
        nodes[node] = Node()
        change(.made(name, node: node))
        return node
    }

    mutating func change(_ change: NameChange) {
        Self.apply(change, to: &names)
        pendingNames.append(change)
    }

    mutating func append(_ bytes: [UInt8], to node: Int) {
        nodes[node]?.cached += bytes
    }

    mutating func sync(_ node: Int) {
        guard var file = nodes[node] else { return }
        file.platter = file.written
        file.clean = file.cached.count
        nodes[node] = file
    }

    /// What a failed sync leaves: clean pages that are nowhere but in memory.
    mutating func loseUnsynced(_ node: Int) {
        guard var file = nodes[node], file.clean < file.cached.count else { return }
        file.lost.append(file.clean..<file.cached.count)
        file.clean = file.cached.count
        nodes[node] = file
    }

    mutating func syncNames() {
        for change in pendingNames { Self.apply(change, to: &durableNames) }
        pendingNames = []
    }

    mutating func loseUnsyncedNames() { pendingNames = [] }

    /// Clean pages are forgotten; reads show the platter there from now on.
    mutating func dropCaches() {
        for (node, file) in nodes where !file.lost.isEmpty {
            nodes[node]?.cached = file.written
            nodes[node]?.lost = []
            if file.clean == file.cached.count {
                // Without pending bytes behind it the file is as long as the platter says.
                nodes[node]?.cached = file.platter
                nodes[node]?.clean = file.platter.count
            }
        }
    }

    static func apply(_ change: NameChange, to names: inout [String: Int]) {
        switch change {
        case .made(let name, let node): names[name] = node
        case .renamed(let name, let newName, let node):
            if names[name] == node { names[name] = nil }
            names[newName] = node
        case .removed(let name): names[name] = nil
        }
    }
}
