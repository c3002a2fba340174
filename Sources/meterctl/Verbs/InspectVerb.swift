internal import ArgumentParser
internal import Meter
internal import MeterWaldur
internal import MeterWire

struct InspectVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a data directory or one of its files holds.",
        discussion: """
            Nothing is changed and no server is needed. Journal files show their records, books their \
            decisions, segments their sums.

              meterctl inspect /var/lib/meter
              meterctl inspect /var/lib/meter/journal-0000000000000000.mj --limit 1000
            """
    )

    @Argument(help: "A data directory or a file.")
    var path: String
    @Option(help: "At most so many records or decisions.")
    var limit = 100
    @OptionGroup var output: OutputOptions

    func perform() async throws(CommandFailure) {
        let target = try MeterPath(path)
        let lines: InspectedFile
        do throws(DiskError) {
            lines = try InspectedFile(target, limit: max(1, limit))
        } catch {
            throw CommandFailure(.failed, "\(path) cannot be read: \(error)")
        }
        switch output.output {
        case .table:
            var table = Table(columns: lines.columns)
            for line in lines.rows { table.add(line) }
            Terminal.data(table.text)
        case .json:
            let names = lines.columns.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }
            let objects = lines.rows.map { row in
                RequestBody.object(zip(names, row).map { ($0, RequestBody.string($1)) })
            }
            Terminal.line("{\"lines\":[" + objects.joined(separator: ",") + "]}")
        }
        for remark in lines.remarks { Terminal.talk(remark) }
    }
}
