package import Meter
package import MeterWire

/// A segment written anew, properly checksummed, in which one sum is not what was used.
package struct PlantedDifference {
    package let file: String
    package let series: SeriesName
    package let component: Name
    package let minute: Minute
    /// What it was before.
    package let sum: UInt64

    /// Changes the first segment that counts and has rows.
    ///
    /// - Parameter step: How much more the sum is than what was used, or less.
    package init?(in disk: any Disk, by step: Int = 1) throws {
        for file in LiveFiles.find(try disk.list()).segments {
            let segment = try Segment.open(file.name, on: disk)
            guard segment.rowCount > 0, var table = try Self.table(of: segment) else { continue }
            // Of a component as people know it, not of the part of one outcome.
            let plain = table.rows.indices.filter {
                ComponentVariant(table.components[Int(table.rows[$0].component)]) == nil
            }
            guard !plain.isEmpty else { continue }
            let place = plain[plain.count / 2]
            let row = table.rows[place]
            table.rows[place].sum = row.sum &+ UInt64(bitPattern: Int64(step))
            try disk.remove(file.name)
            try SegmentWriter.write(table: table, span: file.span, to: disk)
            self.file = file.name
            series = table.series[Int(row.series)]
            component = table.components[Int(row.component)]
            minute = row.minute
            sum = row.sum
            return
        }
        return nil
    }

    /// The segment's rows, by the way that answers come.
    private static func table(of segment: Segment) throws -> UsageTable? {
        guard let minutes = segment.minutes else { return nil }
        let windows = (minutes.lowerBound.rawValue...minutes.upperBound.rawValue + 1).map {
            Minute(rawValue: $0)
        }
        var accumulator = UsageAccumulator(
            UsageQuery(
                windows: windows,
                grouping: [.tenant, .agent, .access, .component, .window, .way], classes: .all,
                withVariants: true))
        _ = try segment.scan(into: &accumulator)
        var rows: [UsageRow] = []
        for (group, total) in accumulator.finish() {
            let series = SeriesName(
                tenant: group.tenant ?? "", agent: group.agent ?? "", access: group.access,
                way: group.way ?? .native)
            guard let place = segment.series.firstIndex(of: series), let window = group.window,
                let component = segment.components.firstIndex(of: group.component ?? ""),
                let sum = UInt64(exactly: total.sum)
            else { return nil }
            rows.append(
                UsageRow(
                    series: UInt32(place), component: UInt32(component), minute: windows[window],
                    count: total.count, sum: sum))
        }
        rows.sort {
            ($0.series, $0.component, $0.minute.rawValue)
                < ($1.series, $1.component, $1.minute.rawValue)
        }
        return UsageTable(series: segment.series, components: segment.components, rows: rows)
    }
}
