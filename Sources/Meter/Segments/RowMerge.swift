internal import MeterWire

/// The rows of several segments as one stream in canonical order, with the names of all of them.
///
/// Rows with equal keys follow each other and are not added up. One block of each segment is in memory.
struct RowMerge: ~Copyable {
    /// The names of all segments, ascending.
    let series: [SeriesName]
    /// The names of all segments, ascending.
    let components: [Name]

    private var cursors: [Cursor]
    private var current = 0
    /// The least key that another segment than `current` has next.
    private var limit = UInt128.min
    private var buffer = PieceBuffer()
    private var reader: RowBlockReader

    /// Where one segment is read.
    private struct Cursor {
        let segment: Segment
        /// What the segment's indexes are in the union.
        let series: [UInt32]
        let components: [UInt32]
        var nextBlock = 0
        var rows: [UsageRow] = []
        var position = 0

        /// The next row in the union's indexes; nil at the end.
        var row: UsageRow? {
            guard position < rows.count else { return nil }
            var row = rows[position]
            row.series = series[Int(row.series)]
            row.component = components[Int(row.component)]
            return row
        }
    }

    init(_ segments: [Segment]) throws(SegmentError) {
        series = Self.union(segments.map(\.series))
        components = Self.union(segments.map(\.components))
        cursors = []
        for segment in segments {
            cursors.append(
                Cursor(
                    segment: segment,
                    series: Self.places(of: segment.series, in: series),
                    components: Self.places(of: segment.components, in: components)
                )
            )
        }
        let zones = segments.flatMap(\.footer.blocks)
        reader = RowBlockReader(rowCountMax: zones.map(\.rowCount).max() ?? 0)
        for index in cursors.indices { try fill(index) }
        select()
    }

    /// The next row; nil behind the last.
    mutating func next() throws(SegmentError) -> UsageRow? {
        guard !cursors.isEmpty, let row = cursors[current].row else { return nil }
        cursors[current].position += 1
        if cursors[current].position == cursors[current].rows.count { try fill(current) }
        guard let following = cursors[current].row, following.canonicalKey <= limit else {
            select()
            return row
        }
        return row
    }

    /// Makes the segment with the least next row the current one.
    private mutating func select() {
        var least = UInt128.max
        limit = .max
        current = 0
        for index in cursors.indices {
            guard let key = cursors[index].row?.canonicalKey else { continue }
            if key < least {
                limit = least
                least = key
                current = index
            } else {
                limit = min(limit, key)
            }
        }
    }

    /// Reads the next block of a segment whose rows are used up.
    private mutating func fill(_ index: Int) throws(SegmentError) {
        let block = cursors[index].nextBlock
        let segment = cursors[index].segment
        cursors[index].position = 0
        guard block < segment.blockCount else {
            cursors[index].rows = []
            return
        }
        cursors[index].nextBlock += 1
        try segment.decodeRows(ofBlock: block, &buffer, &reader, into: &cursors[index].rows)
    }

    /// All elements of sorted arrays, sorted and once each.
    private static func union<Element: Comparable>(_ arrays: [[Element]]) -> [Element] {
        var union: [Element] = []
        for element in arrays.joined().sorted() where union.last != element {
            union.append(element)
        }
        return union
    }

    /// Where each element of a sorted array stands in a sorted array that has them all.
    private static func places<Element: Comparable>(
        of elements: [Element],
        in union: [Element]
    ) -> [UInt32] {
        var places: [UInt32] = []
        places.reserveCapacity(elements.count)
        var place = 0
        for element in elements {
            while union[place] < element { place += 1 }
            places.append(UInt32(place))
        }
        return places
    }
}
