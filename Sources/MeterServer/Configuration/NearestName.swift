/// Finds the name that somebody probably meant.
enum NearestName {
    /// The known name with the fewest single-character edits, if it is near enough to be a typing error.
    static func of(_ name: String, among known: [String]) -> String? {
        let best = known.map { (name: $0, edits: edits(name, $0)) }
            .min { ($0.edits, $0.name) < ($1.edits, $1.name) }
        guard let best, best.edits <= max(2, name.count / 3) else { return nil }
        return best.name
    }

    /// Levenshtein distance; names are cut at 64 characters, so the cost is bounded.
    static func edits(_ first: String, _ second: String) -> Int {
        let left = Array(first.lowercased().prefix(64))
        let right = Array(second.lowercased().prefix(64))
        var row = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let replaced = diagonal + (character == other ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
            }
        }
        return row[right.count]
    }
}
