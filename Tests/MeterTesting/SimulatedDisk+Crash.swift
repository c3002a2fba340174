/// What a power cut may do to bytes and names that no sync has covered.
package enum CrashPolicy: Sendable, CaseIterable {
    /// Everything unsynced is gone; also the case of data that was written before the size.
    case nothingKept
    /// Everything was written in time.
    case everythingKept
    /// For each file and each name by itself one of: gone, kept, a prefix, any subset of sectors with
    /// zeros in the holes, the size without the data (zeros, or what another file left in those blocks).
    /// Names are kept or not one by one, so a rename may come before the data and before the creation.
    case anything
}

extension DiskState {
    static let sectorBytes = 512

    /// The disk after a power cut; what is left of the unsynced is drawn from `choices`.
    func crashed(_ policy: CrashPolicy, _ choices: inout some Choices) -> DiskImage {
        var names = durableNames
        for change in pendingNames {
            let isKept =
                switch policy {
                case .nothingKept: false
                case .everythingKept: true
                case .anything: choices.flag()
                }
            if isKept { Self.apply(change, to: &names) }
        }
        var image = DiskImage()
        for (name, node) in names.sorted(by: { $0.key < $1.key }) {
            guard let file = nodes[node] else { continue }
            image.files[name] = crashed(file, node, policy, &choices)
        }
        return image
    }

    private func crashed(
        _ file: Node,
        _ node: Int,
        _ policy: CrashPolicy,
        _ choices: inout some Choices
    ) -> [UInt8] {
        let pending = file.clean..<file.cached.count
        if pending.isEmpty || policy == .nothingKept { return file.platter }
        var bytes = file.written
        if policy == .everythingKept { return bytes }
        let sectors = sectors(of: pending)
        switch choices.below(6) {
        case 0:
            return file.platter
        case 1:
            return bytes
        case 2:
            // A prefix, cut at the start of a sector or in its middle.
            let sector = choices.pick(sectors)
            let cut =
                choices.flag() ? sector.lowerBound : (sector.lowerBound + sector.upperBound) / 2
            return Array(bytes[..<cut])
        case 3:
            for sector in sectors where !choices.flag() { Self.fill(sector, of: &bytes) { _ in 0 } }
            return bytes
        case 4:
            Self.fill(pending, of: &bytes) { _ in 0 }
            return bytes
        default:
            let stale = staleBytes(for: node)
            Self.fill(pending, of: &bytes) { $0 < stale.count ? stale[$0] : 0xA5 }
            return bytes
        }
    }

    /// The parts of a range that lie in one sector each.
    private func sectors(of range: Range<Int>) -> [Range<Int>] {
        var sectors: [Range<Int>] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(range.upperBound, (start / Self.sectorBytes + 1) * Self.sectorBytes)
            sectors.append(start..<end)
            start = end
        }
        return sectors
    }

    private static func fill(
        _ range: Range<Int>,
        of bytes: inout [UInt8],
        _ byte: (Int) -> UInt8
    ) {
        for index in range { bytes[index] = byte(index) }
    }

    /// What was in a file's blocks before: the youngest older file's bytes at the same offsets.
    private func staleBytes(for node: Int) -> [UInt8] {
        nodes.keys.filter { $0 < node }.max().flatMap { nodes[$0]?.cached } ?? []
    }
}
