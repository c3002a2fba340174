internal import Crypto
internal import MeterWire

extension UsageAnswer {
    /// SHA-256 over an answer's rows in canonical order: the same before and after any merge of the files
    /// that they came from.
    ///
    /// A row is the line `agent TAB component TAB access TAB minute TAB sum TAB count LF`, `access` empty
    /// where the events named none, `minute` since 1970; of spans with `TAB otlp` before the LF. Lines are sorted by
    /// their bytes. Names have no
    /// control characters, so that no two sets of rows have the same text.
    ///
    /// - Parameter query: What was asked: one tenant, windows of a minute, nothing added up.
    package func rowHash(_ query: UsageQuery) -> BookHash {
        let lines = totals.map { group, total in
            var line: [UInt8] = []
            for name in [group.agent, group.component] {
                line += name?.bytes ?? []
                line.append(0x09)
            }
            let minute = group.window.map { query.windows[$0].rawValue } ?? 0
            let way = group.way == .otlp ? "\totlp" : ""
            line += Array(
                "\(group.access?.description ?? "")\t\(minute)\t\(total.sum)\t\(total.count)\(way)\n"
                    .utf8
            )
            return line
        }
        var hash = SHA256()
        for line in lines.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            hash.update(data: line)
        }
        return BookHash(bytes: Array(hash.finalize()))
    }
}
