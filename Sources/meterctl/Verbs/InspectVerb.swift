internal import ArgumentParser
internal import Meter
internal import MeterDisk

struct InspectVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a data directory or one of its files holds.",
        discussion: """
            Nothing is changed and no server is needed. Journal files show their records, books their \
            decisions, segments their sums.

              meterctl inspect /var/lib/meter
              meterctl inspect /var/lib/meter/journal-0000000001 --limit 1000
              meterctl inspect /var/lib/meter/book.mb -o csv > decisions.csv
            """
    )

    @Argument(help: "A data directory or a file.", completion: .file())
    var path: String
    @Option(help: "At most so many records or decisions.")
    var limit = 100
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit is 1 or more.") }
    }

    func perform() async throws(CommandFailure) {
        let target = try MeterPath(path)
        let file: InspectedFile
        do throws(DiskError) {
            file = try InspectedFile(target, limit: limit)
        } catch {
            throw CommandFailure(.failed, "\(path) cannot be read: \(error)")
        }
        guard file.isMeters else {
            throw CommandFailure(
                .failed,
                "\(path) does not begin like any file of Meter's",
                next: "see what is in its directory: meterctl inspect DIRECTORY"
            )
        }
        output.show(file.table, nothing: "it holds nothing")
        for remark in file.remarks { Terminal.talk(remark) }
    }
}
