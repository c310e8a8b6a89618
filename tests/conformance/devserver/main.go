// Temporal's own server as a library, in one process over SQLite: the oracle that the conformance suites are held against.
//
// It takes the arguments of `temporal server start-dev` that the suites use, so either may stand where the other does.
// The CLI would do, but the versions of it that can be built from the Go proxy hold an older server.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"math/rand"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
)

const (
	loopback    = "127.0.0.1"
	clusterName = "active"
	clusterID   = "00000000-0000-4000-8000-000000000001"
	store       = "sqlite"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "devserver:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	options, err := parse(args)
	if err != nil {
		return err
	}
	configuration, err := options.configuration()
	if err != nil {
		return err
	}
	server, err := build(options, configuration)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return err
	}
	// It is ended by a signal.
	select {}
}

// pairs collects what is given as NAME=VALUE any number of times.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(text string) error {
	name, value, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	p[name] = value
	return nil
}

// list collects what is given any number of times.
type list []string

func (l *list) String() string { return "" }

func (l *list) Set(text string) error {
	*l = append(*l, text)
	return nil
}

type options struct {
	port       int
	namespaces list
	attributes pairs
	database   string
	level      string
	pragmas    pairs
	dynamic    pairs
}

func parse(args []string) (*options, error) {
	if len(args) < 2 || args[0] != "server" || args[1] != "start-dev" {
		return nil, errors.New("usage: devserver server start-dev [--port N] [--db-filename FILE] …")
	}
	parsed := &options{namespaces: list{"default"}, attributes: pairs{}, pragmas: pairs{}, dynamic: pairs{}}
	flags := flag.NewFlagSet("start-dev", flag.ContinueOnError)
	flags.Bool("headless", true, "there is no web page; taken for the CLI's sake")
	flags.String("ip", loopback, "taken for the CLI's sake")
	flags.String("log-format", "", "taken for the CLI's sake")
	flags.Var(&parsed.namespaces, "namespace", "registered beside the default one")
	flags.Var(parsed.attributes, "search-attribute", "NAME=TYPE, of each namespace")
	flags.IntVar(&parsed.port, "port", 7233, "where clients are served")
	flags.StringVar(&parsed.database, "db-filename", "", "the database; in memory if not given")
	flags.StringVar(&parsed.level, "log-level", "warn", "of the log on standard error")
	flags.Var(parsed.pragmas, "sqlite-pragma", "NAME=VALUE")
	flags.Var(parsed.dynamic, "dynamic-config-value", "NAME=VALUE, the value in JSON")
	if err := flags.Parse(args[2:]); err != nil {
		return nil, err
	}
	if len(flags.Args()) > 0 {
		return nil, fmt.Errorf("not understood: %q", flags.Args())
	}
	return parsed, nil
}

func (o *options) configuration() (*config.Config, error) {
	database, err := o.sql()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(loopback, strconv.Itoa(o.port))
	c := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     store,
			VisibilityStore:  store,
			NumHistoryShards: 1,
			DataStores:       map[string]config.DataStore{store: {SQL: database}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: address, ClusterID: clusterID,
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: address},
		Services:            map[string]config.Service{},
	}
	c.Global.Membership.MaxJoinDuration = 30 * time.Second
	c.Global.Membership.BroadcastAddress = loopback
	c.Archival.History.State = "disabled"
	c.Archival.Visibility.State = "disabled"
	c.NamespaceDefaults.Archival.History.State = "disabled"
	c.NamespaceDefaults.Archival.Visibility.State = "disabled"
	for _, name := range temporal.DefaultServices {
		port := o.port
		if name != string(primitives.FrontendService) {
			if port, err = freePort(); err != nil {
				return nil, err
			}
		}
		c.Services[name] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
	}
	return c, nil
}

func (o *options) sql() (*config.SQL, error) {
	database := &config.SQL{PluginName: sqliteplugin.PluginName, ConnectAttributes: o.pragmas}
	if o.database == "" {
		database.ConnectAttributes["mode"] = "memory"
		database.ConnectAttributes["cache"] = "shared"
		database.DatabaseName = strconv.Itoa(rand.Int())
	} else {
		database.ConnectAttributes["mode"] = "rwc"
		database.DatabaseName = o.database
		if _, err := os.Stat(o.database); errors.Is(err, fs.ErrNotExist) {
			if err := sqlite.SetupSchema(database); err != nil {
				return nil, fmt.Errorf("the schema: %w", err)
			}
		}
	}
	attributes := map[string]enums.IndexedValueType{}
	for name, kind := range o.attributes {
		value, err := enums.IndexedValueTypeFromString(kind)
		if err != nil {
			return nil, fmt.Errorf("search attribute %q: %w", name, err)
		}
		attributes[name] = value
	}
	for _, name := range o.namespaces {
		namespace, err := sqlite.NewNamespaceConfig(clusterName, name, false, attributes)
		if err != nil {
			return nil, fmt.Errorf("namespace %q: %w", name, err)
		}
		if err := sqlite.CreateNamespaces(database, namespace); err != nil {
			return nil, fmt.Errorf("namespace %q: %w", name, err)
		}
	}
	return database, nil
}

func build(o *options, c *config.Config) (temporal.Server, error) {
	dynamic := dynamicconfig.StaticClient{}
	for name, text := range o.dynamic {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return nil, fmt.Errorf("the value of %s: %w", name, err)
		}
		if number, ok := value.(float64); ok && number == math.Trunc(number) {
			// A setting that is a whole number takes no other.
			value = int(number)
		}
		dynamic[dynamicconfig.MakeKey(name)] = value
	}
	hosts := map[primitives.ServiceName]static.Hosts{}
	for name, service := range c.Services {
		address := net.JoinHostPort(loopback, strconv.Itoa(service.RPC.GRPCPort))
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(address)
	}
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Level: o.level}))
	return temporal.NewServer(
		temporal.WithConfig(c),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(logger),
		temporal.WithDynamicConfigClient(dynamic),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
	)
}

// freePort gives a port that nobody has at this moment.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
