internal import Foundation
internal import MeterTesting
internal import Testing

@testable internal import MeterServer

@Suite struct StartTests {
    @Test func `a second server on the same data is refused and names the process`() throws {
        let site = try TestSite(seed: 1)
        let first = try site.start()
        let second = try ServerProcess.run(["--data", site.data, "--insecure-loopback"])
        #expect(second.code == ExitCode.locked.rawValue)
        #expect(second.errors.contains("process \(first.processID)"))
        #expect(first.stop() == 0)
    }

    @Test func `the lock of a killed server is free`() throws {
        let site = try TestSite(seed: 2)
        let first = try site.start()
        first.kill()
        let second = try site.start()
        #expect(second.stop() == 0)
    }

    @Test func `a taken address ends with 78 and names the flag`() throws {
        let site = try TestSite(seed: 3)
        let server = try site.start()
        let other = try TestSite(seed: 4)
        for (flag, address) in [
            ("--udp", server.addresses.udp), ("--tcp", server.addresses.tcp),
            ("--http", server.addresses.http),
        ] {
            var arguments = [
                "--data", other.data, "--insecure-loopback", "--udp", "127.0.0.1:0", "--tcp",
                "127.0.0.1:0", "--http", "127.0.0.1:0",
            ]
            if let place = arguments.firstIndex(of: flag) { arguments[place + 1] = address ?? "" }
            let result = try ServerProcess.run(arguments)
            #expect(result.code == 78, "\(flag): \(result.errors)")
            #expect(result.errors.contains("\(flag): cannot bind"), "\(result.errors)")
        }
        #expect(server.stop() == 0)
    }

    @Test func `a wrong configuration ends with 78 and names the key`() throws {
        let directory = try TemporaryDirectory()
        let file = directory.path + "/settings.yaml"
        try Data("limits:\n  conections: 7\n".utf8).write(to: URL(filePath: file))
        let data = directory.path + "/data"
        let cases: [([String], [String: String], String)] = [
            (["--data", data, "--udpp", "off"], [:], "did you mean --udp?"),
            (["--data", data], ["METER_LOG_FROMAT": "json"], "did you mean METER_LOG_FORMAT?"),
            (["--data", data, "--config", file], [:], "did you mean limits.connections?"),
            (["--insecure-loopback"], [:], "--data"),
            (["--data", data], [:], "--master-key-file"),
            (
                ["--data", data, "--insecure-loopback", "--tcp", "0.0.0.0:0"], [:],
                "--insecure-loopback"
            ),
            (["--data", data, "--udp", "nowhere"], [:], "--udp"),
            (["--data", data, "--limits-idle-seconds", "0"], [:], "--limits-idle-seconds"),
            (["--data", data, "--data"], [:], "--data"),
            (["--data", data, "--waldur-token", "secret"], [:], "command line"),
            (
                ["--data", data, "--insecure-loopback"],
                ["WALDUR_API_URL": "http://waldur"], "--waldur-token-file"
            ),
            (["--data", data, "surplus"], [:], "surplus"),
        ]
        for (arguments, environment, expected) in cases {
            let result = try ServerProcess.run(arguments, environment: environment)
            #expect(result.code == 78, "\(arguments): \(result.errors)")
            #expect(result.errors.contains(expected), "\(arguments): \(result.errors)")
            #expect(!result.errors.contains("secret\n"))
        }
        #expect(!FileManager.default.fileExists(atPath: data), "refused before anything is made")
    }

    @Test func `flags win over variables, variables over the file, the file over defaults`() throws
    {
        let directory = try TemporaryDirectory()
        let file = directory.path + "/settings.yaml"
        let text =
            "data: from-file\nhttp: 127.0.0.1:1\nlimits:\n  connections: 7\n  idle-seconds: 8\n"
        try Data(text.utf8).write(to: URL(filePath: file))
        let result = try ServerProcess.run(
            ["config", "show", "--config", file, "--http", "127.0.0.1:3"],
            environment: [
                "METER_HTTP": "127.0.0.1:2", "METER_LIMITS_CONNECTIONS": "9",
                "WALDUR_API_TOKEN": "hidden", "METER_PORT": "tcp://10.0.0.1:80",
                "METER_SERVICE_HOST": "10.0.0.1",
            ]
        )
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(lines.contains("http: 127.0.0.1:3  # --http"))
        #expect(lines.contains("limits.connections: 9  # METER_LIMITS_CONNECTIONS"))
        #expect(lines.contains("limits.idle-seconds: 8  # \(file)"))
        #expect(lines.contains("log.format: text  # default"))
        #expect(lines.contains("waldur.token: (secret)  # WALDUR_API_TOKEN"))
        #expect(!result.output.contains("hidden"))
    }

    @Test func `config check says what is wrong without starting`() throws {
        let directory = try TemporaryDirectory()
        let data = directory.path + "/data"
        let good = try ServerProcess.run(["config", "check", "--data", data, "--insecure-loopback"])
        #expect(good.code == 0)
        #expect(good.output.contains("good"))
        let bad = try ServerProcess.run(["config", "check", "--data", data])
        #expect(bad.code == 78)
        #expect(!FileManager.default.fileExists(atPath: data))
    }
}
